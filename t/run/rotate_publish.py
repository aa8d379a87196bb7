"""A provider signs for a customer, and nobody does anything: the customer has
published once what `dns --cname' printed, and `rotate auto' has publish-nsupdate put
each key's record where that leads, as a user of its own, by updates that are signed.
"""
import os
import shutil
import subprocess

import harness  # first: it finds t/lib
import bind
import machine
import rotate
import world

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      "..", "..", "libexec", "publish-nsupdate")
CUSTOMER, PROVIDER = "customer.test", "keys.provider.test"
ALIAS = "%s._domainkey." + CUSTOMER
AT = ALIAS + "." + PROVIDER


class Delegated(rotate.Case):
    def setUp(self):
        super().setUp()
        self.world = world.World(self, rotate.START)
        self.primary = bind.Named(PROVIDER, at=rotate.FIRST, grant="zonesub")
        os.chmod(self.primary.directory, 0o755)
        os.chmod(self.primary.keyfile, 0o640)
        shutil.chown(self.primary.keyfile, "root", "nogroup")
        self.enterContext(self.primary)
        # Whoever runs it may not be able to look into our tree.
        command = self.world.clock.write("publish", "")
        shutil.copy(SCRIPT, command)
        settings = "name = a, b\npublish_user = nobody\npublish = %s -k %s " \
            "-s %s" % (command, self.primary.keyfile, self.primary.address())
        self.resolver = self.world.resolve({
            PROVIDER: (rotate.FIRST,), CUSTOMER: (rotate.SECOND,)})
        self.serve((CUSTOMER,), settings, (), 10)
        self.world.serve(rotate.SECOND, {CUSTOMER: world.zone_text(
            CUSTOMER, (rotate.SECOND,), *self.aliases())})

    def aliases(self):
        done = subprocess.run(
            [harness.binary(), "dns", "-c", self.daemon.config, "--cname",
             PROVIDER], stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, timeout=400, check=True)
        return done.stdout.splitlines()

    def auto(self):
        return self.rotate("auto", domain=())

    def states(self):
        return {name: state for _, state, name in self.rows(CUSTOMER)}

    def test_from_one_name_to_the_other(self):
        self.auto()
        self.assertEqual(self.states(), {"a": "staged"})
        strings, = self.primary.texts(AT % "a")
        self.assertTrue(b"".join(strings).startswith(b"v=DKIM1; k=rsa; "))
        for _ in range(2):
            self.world.later(2 * rotate.HOUR)
            self.auto()
        self.assertEqual(self.states(), {"a": "active"})
        self.assertTrue(self.verifies(
            self.signed_by("a", domain=CUSTOMER)))
        # What is lost is put back to where the alias leads.
        subprocess.run(
            [SCRIPT, "-k", self.primary.keyfile, "-s", self.primary.address(),
             "remove", AT % "a", "3600", "TXT", b"".join(strings)],
            stdin=subprocess.DEVNULL, timeout=400, check=True)
        self.assertEqual(self.primary.texts(AT % "a"), [])
        self.world.later(2 * rotate.HOUR)
        told, = self.rotate("auto", domain=(), status=1)
        self.assertIn("its record is not to be seen", told["text"])
        self.assertEqual(told["publish"]["name"], AT % "a")
        self.assertEqual(len(self.primary.texts(AT % "a")), 1)
        self.world.later(2 * rotate.HOUR)
        self.auto()
        self.assertNotIn(" lost=", self.file(CUSTOMER))
        self.world.later(181 * rotate.DAY)
        for _ in range(4):
            self.auto()
            self.world.later(2 * rotate.HOUR)
        self.assertEqual(self.states(), {"a": "retired", "b": "active"})
        self.assertTrue(self.verifies(
            self.signed_by("b", domain=CUSTOMER)))
        for pause in 4 * (2 * rotate.DAY,) + 3 * (2 * rotate.HOUR,):
            self.world.later(pause)
            self.auto()
        self.assertEqual(self.states(), {"b": "active"})
        self.assertEqual(self.primary.texts(AT % "a"), [])
        self.assertEqual(len(self.primary.texts(AT % "b")), 1)


if __name__ == "__main__":
    machine.alone(__file__, "192.0.2.25", rotate.FIRST, rotate.SECOND)
    harness.main()
