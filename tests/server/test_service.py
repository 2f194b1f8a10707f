#!/usr/bin/env python3
"""`hybrid serve` as a service: what it tells systemd and takes from it, signals, and standard files that are not there."""
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
from served import HYBRID, SECONDS_MAX, main, need_server, wait_until  # noqa: E402


def ask(connection, request):
    """The first line of the reply."""
    connection.sendall(request.encode() + b"\r\n")
    return connection.makefile("rb").readline().decode().strip()


class ServiceTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)

    def start(self, *options, out=subprocess.PIPE, err=subprocess.PIPE, environment=(), **how):
        process = subprocess.Popen([HYBRID, "serve", "--dir", self.home / "data", *map(str, options)], stdout=out, stderr=err,
                                   text=True, env={**os.environ, **dict(environment)}, **how)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        for file in (process.stdout, process.stderr):
            if file:
                self.addCleanup(file.close)
        return process

    def serve(self, *options, **how):
        """The process, and the port that it has got."""
        process = self.start("--port", 0, *options, **how)
        ready = process.stdout.readline().split()
        self.assertEqual(ready[:1], ["ready"], ready)
        return process, int(ready[1].rsplit(":", 1)[1])

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(SECONDS_MAX), 0)

    def connect(self, port):
        connection = socket.create_connection(("127.0.0.1", port), SECONDS_MAX)
        self.addCleanup(connection.close)
        return connection

    def test_systemd_hears_when_it_is_ready_and_when_it_stops(self):
        for path in (str(self.home / "notify"), "\0hybrid test " + str(os.getpid())):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                notify.bind(path)
                notify.settimeout(SECONDS_MAX)
                process, _ = self.serve(environment={"NOTIFY_SOCKET": path.replace("\0", "@")}.items())
                self.assertEqual(notify.recv(100), b"READY=1")
                process.send_signal(signal.SIGTERM)
                self.assertEqual(notify.recv(100), b"STOPPING=1")
                self.assertEqual(process.wait(SECONDS_MAX), 0)

    def activated(self, listeners, *options, count=None):
        """With sockets from 3 on, as systemd gives them: the number of the process is known only once there is one."""
        numbers = [listener.fileno() for listener in listeners]
        give = "import os, sys\nn = eval(sys.argv[1])\nfds = [os.dup2(fd, 100 + i) for i, fd in enumerate(n)]\n" \
               "for i, fd in enumerate(fds): os.dup2(fd, 3 + i)\nos.closerange(3 + len(n), 200)\n" \
               "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=sys.argv[2])\nos.execv(sys.argv[3], sys.argv[3:])\n"
        process = subprocess.Popen([sys.executable, "-c", give, repr(numbers), count or str(len(numbers)), HYBRID, "serve", "--dir",
                                    self.home / "data", *map(str, options)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pass_fds=numbers)
        self.addCleanup(process.kill)
        return process

    def test_sockets_of_systemd_are_taken_and_no_others_are_opened(self):
        with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix, \
                socket.create_server(("127.0.0.1", 0)) as other:
            unix.bind(str(self.home / "socket"))
            unix.listen()
            port, free = tcp.getsockname()[1], other.getsockname()[1]
            other.close()
            process = self.activated([tcp, unix], "--port", free)
            self.assertEqual(process.stdout.readline().split(), ["ready", f"127.0.0.1:{port}", f"unix:{self.home}/socket"])
            self.assertEqual(ask(self.connect(port), "PING"), "+PONG")
            with self.assertRaises(ConnectionRefusedError):
                self.connect(free)
            self.stop(process)
            self.assertIn("took 2 sockets from systemd; --port and --bind say nothing", process.communicate()[1])

    def test_a_count_of_sockets_that_is_none_is_refused(self):
        for count in ("abc", "-1", "1x"):
            process = self.activated([], count=count)
            out, err = process.communicate(timeout=SECONDS_MAX)
            self.assertEqual((process.returncode, out), (2, ""), count)
            self.assertIn("LISTEN_FDS is no number", err)

    def certificate(self, name):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                        f"/CN={name}", "-keyout", self.home / "key.pem", "-out", self.home / "cert.pem"],
                       check=True, capture_output=True)

    def certificate_of(self, port):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(self.connect(port)) as connection:
            self.assertEqual(ask(connection, "PING"), "+PONG")
            return connection.getpeercert(binary_form=True)

    def test_sighup_changes_the_certificate_of_new_connections_and_ends_nothing(self):
        self.certificate("first")
        process, port = self.serve("--tls-cert", self.home / "cert.pem", "--tls-key", self.home / "key.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(self.connect(port)) as kept:
            self.assertEqual(ask(kept, "SET a 1"), "+OK")
            before = self.certificate_of(port)
            self.certificate("second")
            process.send_signal(signal.SIGHUP)
            wait_until(lambda: self.certificate_of(port) != before, "another certificate")
            self.assertEqual(ask(kept, "DEL a"), ":1")
            now = self.certificate_of(port)
            # One that cannot be used changes nothing.
            (self.home / "cert.pem").write_text("no certificate")
            process.send_signal(signal.SIGHUP)
            while "the certificate stays as it was" not in process.stderr.readline():
                pass
            self.assertEqual(self.certificate_of(port), now)
        self.stop(process)

    def test_sighup_without_tls_ends_nothing(self):
        process, port = self.serve()
        process.send_signal(signal.SIGHUP)
        while "SIGHUP: there is no certificate to read again" not in process.stderr.readline():
            pass
        self.assertEqual(ask(self.connect(port), "PING"), "+PONG")
        self.stop(process)

    def test_a_stop_that_comes_before_it_serves_is_heard(self):
        process, port = self.serve()
        self.assertEqual(ask(self.connect(port), "SET a 1"), "+OK")
        process.kill()
        process.wait()

        def stop_oneself():
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
            os.kill(os.getpid(), signal.SIGTERM)
        stopped = self.start("--port", 0, preexec_fn=stop_oneself)
        out, err = stopped.communicate(timeout=SECONDS_MAX)
        self.assertEqual((stopped.returncode, out), (0, ""))
        self.assertIn("stopped while the store was read", err)
        again, port = self.serve()
        self.assertEqual(ask(self.connect(port), "DEL a"), ":1")
        self.stop(again)

    def test_a_log_that_cannot_be_written_stops_nothing(self):
        with open("/dev/full", "w") as full:
            process, port = self.serve("--max-memory", "1", err=full)
        # It logs this.
        self.assertTrue(ask(self.connect(port), "SET a 1").startswith("-OOM"))
        self.assertEqual(ask(self.connect(port), "PING"), "+PONG")
        self.stop(process)

    def test_nobody_needs_to_hear_that_it_is_ready(self):
        read, write = os.pipe()
        os.close(read)
        for out in (write, os.open("/dev/full", os.O_WRONLY)):
            process = self.start("--port", 0, out=out)
            os.close(out)
            while " ready 127.0.0.1:" not in process.stderr.readline():
                pass
            self.stop(process)

    def test_standard_files_that_are_closed_are_not_those_of_the_store(self):
        for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            socket_path = self.home / "socket"
            process = subprocess.Popen(["sh", "-c", f'exec "$0" serve --dir "$1" --port -1 --unix "$2" {closed}', HYBRID,
                                        self.home / "data", socket_path],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.addCleanup(process.kill)
            wait_until(socket_path.exists, "it listens")
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(socket_path))
                self.assertEqual(ask(connection, "SET a 1"), "+OK")
            for number in (0, 1, 2):
                self.assertTrue(os.readlink(f"/proc/{process.pid}/fd/{number}").startswith("/dev/"), closed)
            self.stop(process)
            self.assertEqual((self.home / "data/lock").stat().st_size, 0, closed)

    def test_connections_leave_the_store_files_enough(self):
        import resource
        process, port = self.serve(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)))
        connections = [self.connect(port) for _ in range(150)]
        self.assertEqual(ask(connections[0], "SET a 1"), "+OK")
        answers = [connection.recv(100) for connection in connections[100:]]
        self.assertEqual(set(answers), {b"-ERR max number of clients reached\r\n"})
        connections[0].sendall(b"INFO\r\n")
        info = b""
        while b"rejected_connections:50" not in info:
            info += connections[0].recv(65536)
        self.stop(process)
        self.assertIn("--max-clients is 100 instead of 10000", process.communicate()[1])

    def test_users_without_a_password_of_the_default_user_are_refused(self):
        user = "ada:" + "0" * 64
        refused = self.start("--port", 0, "--user", user)
        out, err = refused.communicate(timeout=SECONDS_MAX)
        self.assertEqual((refused.returncode, out), (2, ""))
        self.assertIn("--user keeps nobody out", err)
        for options in (("--user", user, "--no-password"), ("--user", "default:" + "0" * 64, "--bind", "0.0.0.0")):
            process, _ = self.serve(*options)
            self.stop(process)


if __name__ == "__main__":
    need_server()
    main()
