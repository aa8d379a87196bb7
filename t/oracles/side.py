"""The processes that the oracles speak to, and their keys."""
import base64
import subprocess
import sys


class Side:
    """One implementation: a process that is given commands."""

    def __init__(self, name, argv):
        self.name = name
        self.argv = argv

    def given(self, text):
        """What it signs. On the wire a last line has its CRLF, and RFC 6376
        section 3.4.3 adds one in hashing. We take a message without it and
        write one with it; the oracles are given what the wire would have."""
        if self.name == "ours" or text.endswith(b"\r\n"):
            return text
        return text + b"\r\n"

    def run(self, commands):
        text = "".join(c + "\n" for c in commands)
        done = subprocess.run(self.argv, input=text, text=True,
                              stdout=subprocess.PIPE, check=False,
                              errors="replace", timeout=400)
        answers = done.stdout.splitlines()
        if done.returncode != 0 or len(answers) != len(commands):
            sys.exit("%s: ended %d after %d of %d answers" % (
                self.name, done.returncode, len(answers), len(commands)))
        return answers


def make_keys(folder):
    """Throw-away keys, and their records for each side."""
    lines = []
    for name, options, tags in (
            ("rsa", ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "k=rsa"),
            ("ed25519", ["ED25519"], "k=ed25519")):
        path = folder / (name + ".pem")
        subprocess.run(["openssl", "genpkey", "-algorithm"] + options +
                       ["-out", str(path)], check=True,
                       stderr=subprocess.DEVNULL)
        der = subprocess.run(
            ["openssl", "pkey", "-in", str(path), "-pubout", "-outform",
             "DER"], check=True, stdout=subprocess.PIPE).stdout
        if name == "ed25519":
            der = der[-32:]
        lines.append(("%s._domainkey.example.org" % name[:3].rstrip("2"),
                      "v=DKIM1; %s; p=%s" % (
                          tags, base64.b64encode(der).decode())))
    (folder / "zone").write_text(
        "".join("%s TXT %s\n" % line for line in lines))
    (folder / "keys").write_text("".join("%s %s\n" % line for line in lines))
