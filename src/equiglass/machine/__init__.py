"""The machine: compiled C++, memory, processes, versions and hardware.

compiled      the C++ of the package, compiled at first use
programs      programs that run for this process, and end with it
signals       Ctrl-C and SIGTERM
console       the command as typed, and the width of tables on a terminal, in files and in pipes
memory        reuse of freed memory
processes     several processes that train one network
environment   versions and hardware behind a result
"""
