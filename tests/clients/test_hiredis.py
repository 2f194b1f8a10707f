#!/usr/bin/env python3
"""hiredis: a program in C keeps sessions in hashes, over TCP and a Unix socket."""
import subprocess

from served import APPS, BUILD, PASSWORD, ClientsTest, Program, main, need, need_server, skip


class Console(Program):
    """The program of apps/hiredis, which is asked by lines."""

    def __init__(self, name, command, environment):
        super().__init__(name, command, environment, stdout=subprocess.PIPE)

    def browser(self):
        return Tab(self)

    def answer(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise AssertionError(f"{self.name} ended: {self.output()}")
        return answer.split()


class Tab:
    """What a browser is to a web application."""

    def __init__(self, console, sid="none"):
        self.console = console
        self.sid = sid

    def thief(self):
        return Tab(self.console, self.sid)

    def ask(self, what, user="-", seconds=600):
        self.sid, user, visits = self.console.answer(f"{what} {self.sid} {user} {seconds}")
        return None if user == "-" else (user, int(visits))

    def is_answered(self):
        return self.console.answer(f"me {self.sid} - 600")[1] != "failed"


class Hiredis(ClientsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "hiredis"], capture_output=True, text=True)
        if flags.returncode != 0:
            skip("there is no hiredis (Debian: libhiredis-dev)")
        cls.program = BUILD / "hiredis/app"
        cls.program.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-O1", APPS / "hiredis/app.c", "-o", cls.program,
                        *flags.stdout.split()], check=True)

    def test_lives(self):
        ways = {"hiredis": ["127.0.0.1", self.server.port], "hiredis-unix": [self.server.unix]}
        self.check_lives([self.start(name, [self.program, *way], {"NAME": name, "REDIS_PASSWORD": PASSWORD}, Console)
                          for name, way in ways.items()])


if __name__ == "__main__":
    need_server()
    need("cc", "gcc")
    need("pkg-config", "pkg-config")
    main()
