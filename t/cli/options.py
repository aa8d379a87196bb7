"""The command line as a whole: --help, --version, and bad usage ends 64."""
import os
import subprocess
import unittest

import tool

COMMANDS = {"sign": ["-d", "--canon", "--header-only"],
            "verify": ["--json", "--summary", "--nameserver"],
            "keygen": ["-b", "-o"], "explain": ["-c"],
            "dns": ["--format"], "spf": ["--mail-from"], "demo": ["FILE"]}

LIBRARIES = {"OpenSSL": "libcrypto", "libevent": "libevent_core",
             "ldns": "ldns", "inih": "inih", "libidn2": "libidn2",
             "SQLite": "sqlite3", "zlib": "zlib", "jansson": "jansson",
             "libseccomp": "libseccomp"}


class Options(tool.Case):
    def test_help_of_each_command_goes_to_stdout(self):
        for command, words in COMMANDS.items():
            text = self.run_tool(command, "--help").out.decode()
            self.assertTrue(text.startswith("usage: signpost " + command))
            for word in words:
                self.assertIn(word, text)

    def test_help_lists_the_commands(self):
        for word in ("--help", "-h", "help"):
            text = self.run_tool(word).out.decode()
            for command in COMMANDS:
                self.assertIn("  " + command + " ", text)

    def test_what_was_typed_moves_no_cursor(self):
        for words in (["sign", "--x\x1b[31m"], ["\x1b[31m"],
                      ["explain", "-c", "/nowhere/\x1b[31m"]):
            err = self.run_tool(*words, status=None).err
            self.assertNotIn("\x1b", err)
            self.assertIn("\\x1b[31m", err)

    def test_a_reload_by_a_file_that_is_not_there(self):
        self.assertIn("/nowhere", self.run_tool(
            "reload", "-c", "/nowhere", status=66).err)

    def test_a_fifo_is_waited_for_by_nobody(self):
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        for words in (["serve", "-t"], ["explain"], ["dns"]):
            err = self.run_tool(*words, "-c", fifo, status=None, wait=20).err
            self.assertIn("is a FIFO", err)
        self.assertIn("is a FIFO", self.run_tool(
            "explain", "-c", self.config("sender_map = " + fifo),
            status=None, wait=20).err)

    def test_what_a_shell_hands_over_is_read(self):
        with open(self.config(), "rb") as f:
            text = f.read()
        self.make_key()
        self.assertIn(b"_domainkey", self.run_tool(
            "dns", "-d", "example.org", "-c", "/dev/stdin", stdin=text).out)

    def test_a_folder_with_a_name_that_is_too_long(self):
        conf = self.write("opendkim.conf", "Domain example.org\nSelector s1\n"
                          "KeyFile %s\n" % self.make_key()[0])
        self.assertIn("too long", self.run_tool(
            "migrate", "opendkim", conf, "-o", "a" * 4090, status=None).err)

    def test_version_everywhere(self):
        version = self.run_tool("--version").out
        self.assertRegex(version, rb"^signpost \d+\.\d+\.\d+\n")
        for command in COMMANDS:
            self.assertEqual(self.run_tool(command, "--version").out, version)

    def test_version_says_what_it_was_built_with(self):
        version = self.run_tool("--version").out.decode()
        for name, module in LIBRARIES.items():
            there = subprocess.run(
                ["pkg-config", "--modversion", module], check=True,
                stdout=subprocess.PIPE, text=True, timeout=tool.WAIT).stdout
            self.assertIn(f"\n  {name} {there.strip()}\n", version)
        self.assertRegex(version, r"\n  (GNU|Clang) \d+\.")
        self.assertIn("Copyright (c) 2026 the signpost authors", version)
        self.assertIn("ISC", version)

    def test_bad_usage_ends_64_with_a_message(self):
        for args in (["nosuch"], ["sign", "--nosuch"], ["sign", "-x"],
                     ["sign", "-d"], ["sign", "--canon"],
                     ["sign", "--header-only=1"], ["verify", "one"],
                     ["verify", "--json", "--summary"],
                     ["verify", "--time", "soon"],
                     ["verify", "--dns-timeout", "x"],
                     ["verify", "--client-ip", "1.2.3"],
                     ["verify", "--nameserver", "ns.example"],
                     ["verify", "--authserv-id", 321 * "a"],
                     ["sign", "-d", "a.test", "-s", "s", "-k", "/dev/null",
                      "--authserv-id", 321 * "a"],
                     ["keygen"], ["keygen", "-d", "a.test"],
                     ["explain", "--", "x"]):
            with self.subTest(args):
                result = self.run_tool(*args, status=64)
                self.assertTrue(result.err)
                self.assertEqual(result.out, b"")

    def test_without_a_command_usage_goes_to_stderr(self):
        done = subprocess.run([tool.binary()], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=tool.WAIT)
        self.assertEqual(done.returncode, 64)
        self.assertEqual(done.stdout, b"")
        self.assertIn(b"usage: signpost", done.stderr)

    def test_help_of_a_command_and_where_the_version_is(self):
        for command in COMMANDS:
            self.assertEqual(self.run_tool("help", command).out,
                             self.run_tool(command, "--help").out)
        self.assertIn("--version", self.run_tool("--help").out.decode())
        self.run_tool("help", "nonsense", status=64)

    def test_a_reader_that_went_away_is_no_news(self):
        self.keygen()
        conf = self.config()
        for args in (["sign", "-c", conf], ["--help"]):
            run = subprocess.Popen([tool.binary(), *args],
                                   stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
            run.stdout.close()
            try:
                run.stdin.write(tool.MESSAGE + b"x\r\n" * 100000)
                run.stdin.close()
            except BrokenPipeError:
                pass  # --help reads nothing
            self.assertEqual(run.stderr.read(), b"")
            run.wait(tool.WAIT)
            run.stderr.close()

    def test_what_cannot_be_written_is_told(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([tool.binary(), "--version"], stdout=full,
                                  stderr=subprocess.PIPE, timeout=tool.WAIT)
        self.assertEqual(done.returncode, 73)
        self.assertIn(b"No space left", done.stderr)


if __name__ == "__main__":
    unittest.main()
