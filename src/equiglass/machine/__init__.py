"""The machine: compiled C++, memory, processes, versions and hardware.

compiled      the C++ of the package, compiled at first use
programs      programs that run for this process, and end with it
signals       Ctrl-C and SIGTERM
console       tables on a terminal, and in files and pipes
memory        reuse of freed memory
processes     several processes that train one network
environment   versions and hardware behind a result
"""
