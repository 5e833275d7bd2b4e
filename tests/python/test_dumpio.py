#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""The Python package: what it says of the dump beside the tests, and of real ones.

Facts of the shipped dump are those of tests/data/README.md, found without libdumpio. Real dumps:
$DUMPIO_TEST_DUMPS. Types are checked where mypy is installed. Not handled: other interpreters than
the system's.
"""
import dataclasses
import errno
import os
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
TOOLS = os.environ.get("DUMPIO_BIN", os.path.join(ROOT, "build", "dev", "tools"))
PACKAGE = os.path.join(TOOLS, "..", "python")
SHIPPED = os.path.join(ROOT, "tests", "data", "vmcore-x86_64-6.1.kdump.zst")
DIGEST = "eba94087042591b28e087e630b5e59c4b1795f4524b922509c8a63a63f77be7c"
sys.path.insert(0, PACKAGE)
import dumpio  # noqa: E402


class Case(unittest.TestCase):
    def setUp(self):
        base = os.environ.get("DUMPIO_SCRATCH", tempfile.gettempdir())
        os.makedirs(base, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(dir=base, prefix="python.")
        self.addCleanup(scratch.cleanup)
        self.scratch = scratch.name

    def path(self, name):
        return os.path.join(self.scratch, name)

    def shipped(self, **options):
        dump = dumpio.open(SHIPPED, **options)
        self.addCleanup(dump.close)
        return dump

    def error(self, kind, status, call, *args, **kwargs):
        with self.assertRaises(kind) as caught:
            call(*args, **kwargs)
        self.assertEqual(caught.exception.status, status)
        return caught.exception


class Look(Case):
    def test_info(self):
        info = self.shipped().info
        self.assertEqual((info.format, info.containers, info.arch), ("kdump", "zstd", "x86_64"))
        self.assertEqual(info.uts.release, "6.1.0-56-cloud-amd64")
        self.assertEqual((info.page_size, info.word, info.order), (4096, 8, "little"))
        self.assertEqual((info.version, info.nr_cpus, len(info.cpus)), (6, 2, 2))
        self.assertEqual(info.phys_base, -60817408 % 2 ** 64)
        self.assertEqual((info.dump_level, info.dump_level_kind), (31, "makedumpfile"))
        self.assertIn("sysrq triggered crash", info.panic)
        self.assertEqual({n.name for n in info.notes} & {"VMCOREINFO"}, {"VMCOREINFO"})
        self.assertEqual(len(info.cpus[0].regs), 27 * 8)
        with self.assertRaises(dataclasses.FrozenInstanceError):
            info.arch = "other"

    def test_vmcoreinfo_and_log(self):
        dump = self.shipped()
        self.assertEqual(dump.vmcoreinfo()["KERNELOFFSET"], "9c00000")
        self.assertIn("Kernel panic - not syncing: sysrq triggered crash", dump.dmesg())

    def test_pages(self):
        dump = self.shipped()
        kinds = {kind: 0 for kind in dumpio.Kind}
        last = -1
        for page in dump.pages():
            self.assertGreater(page.address, last)
            last = page.address
            kinds[page.kind] += 1
            if page.kind in (dumpio.Kind.PRESENT, dumpio.Kind.ZERO):
                self.assertEqual(len(page.data), 4096)
                self.assertEqual(page.kind is dumpio.Kind.ZERO, not any(page.data))
            else:
                self.assertIsNone(page.data)
        self.assertEqual(kinds[dumpio.Kind.PRESENT] + kinds[dumpio.Kind.ZERO], 16835)
        self.assertEqual(kinds[dumpio.Kind.ZERO], 2676)
        self.assertEqual(kinds[dumpio.Kind.LOST], 0)
        self.assertGreater(kinds[dumpio.Kind.EXCLUDED], 40000)

    def test_pages_of_a_part(self):
        dump = self.shipped()
        run = next(r for r in dump.ranges(1 << 20) if r.kind is dumpio.Kind.PRESENT
                   and r.end - r.start >= 3 * 4096)
        pages = list(dump.pages(run.start + 100, run.start + 2 * 4096 + 10))
        self.assertEqual([(p.address - run.start, len(p.data)) for p in pages],
                         [(100, 3996), (4096, 4096), (8192, 10)])
        whole = dump.read(run.start, 3 * 4096)
        self.assertEqual(b"".join(p.data for p in pages), whole[100:8202])

    def test_ranges(self):
        runs = list(self.shipped().ranges())
        for a, b in zip(runs, runs[1:]):
            self.assertLessEqual(a.end, b.start)
        self.assertEqual(sum(r.end - r.start for r in runs if r.kind is dumpio.Kind.PRESENT),
                         16835 * 4096)
        some = list(self.shipped().ranges(runs[0].start + 4096, runs[-1].start + 4096))
        self.assertEqual((some[0].start, some[-1].end),
                         (runs[0].start + 4096, runs[-1].start + 4096))

    def test_virtual(self):
        dump = self.shipped()
        address = int(dump.vmcoreinfo()["SYMBOL(init_uts_ns)"], 16)
        self.assertIn(b"6.1.0-56-cloud-amd64\0", dump.read_virtual(address, 400))
        self.error(dumpio.AbsentError, dumpio.Status.ABSENT, dump.read_virtual, 0xdead << 44, 8)

    def test_verify(self):
        found = self.shipped().verify()
        self.assertEqual(found.digest.hex(), DIGEST)
        self.assertEqual((found.present_pages, found.zero_pages), (16835, 2676))
        self.assertEqual(found.lost, ())
        self.assertIsNone(self.shipped().verify(digest=False).digest)

    def test_formats(self):
        known = {f.name: f for f in dumpio.formats()}
        self.assertIn("zlib", known["kdump"].codecs)
        self.assertTrue(known["elf"].writes and not known["raw"].holds_absent)


class Errors(Case):
    def test_no_file(self):
        e = self.error(dumpio.DumpioError, dumpio.Status.IO, dumpio.open, self.path("none"))
        self.assertEqual(e.errno, errno.ENOENT)
        self.assertIn(self.path("none"), str(e))

    def test_no_dump(self):
        with open(self.path("text"), "w") as f:
            f.write("no dump\n" * 1000)
        self.error(dumpio.FormatError, dumpio.Status.FORMAT, dumpio.open, self.path("text"))

    def test_offset(self):
        with self.shipped() as dump:
            dump.convert(self.path("whole"), "kdump:zlib")
        with open(self.path("whole"), "r+b") as f:
            f.seek(4096 + 4)
            f.write(b"\xff" * 600)
        e = self.error(dumpio.FormatError, dumpio.Status.CORRUPT, dumpio.open, self.path("whole"))
        self.assertIsInstance(e.offset, int)

    def test_not_held(self):
        dump = self.shipped()
        e = self.error(dumpio.NotHeldError, dumpio.Status.ABSENT, dump.read, 1 << 50, 8)
        self.assertIn("0x4000000000000", str(e))
        self.assertIsNone(e.offset)
        self.error(dumpio.AbsentError, dumpio.Status.ABSENT, dump.read, 2 ** 64 - 8, 8)

    def test_lost(self):
        with self.shipped() as dump:
            dump.convert(self.path("whole"), "elf")
        os.truncate(self.path("whole"), os.path.getsize(self.path("whole")) - 10 * 4096)
        with dumpio.open(self.path("whole")) as dump:
            self.assertTrue(dump.info.truncated)
            lost = [p for p in dump.pages() if p.kind is dumpio.Kind.LOST]
            self.assertEqual(len(lost), 10)
            self.error(dumpio.LostError, dumpio.Status.LOST, dump.read, lost[0].address, 1)
            self.assertEqual(dump.verify().lost_pages, 10)
            self.assertEqual(dump.verify().lost[0][0], lost[0].address)
            self.error(dumpio.LostError, dumpio.Status.LOST, dump.convert, self.path("out"),
                       "kdump", strict=True)
            self.assertEqual(dump.convert(self.path("out"), "kdump").lost_pages, 10)

    def test_closed(self):
        dump = self.shipped()
        dump.close()
        dump.close()
        for call in (dump.dmesg, dump.verify, lambda: dump.read(0, 1),
                     lambda: list(dump.ranges())):
            self.assertRaises(ValueError, call)
        self.assertEqual(dump.info.arch, "x86_64")

    def test_arguments(self):
        dump = self.shipped()
        self.assertRaises(ValueError, dump.filter, self.path("x"), 32)
        self.assertRaises(ValueError, dump.filter, self.path("x"), ["nothing"])
        self.assertRaises(ValueError, dump.convert, self.path("x"), "elf", only=[(5, 5)])
        self.assertRaises(OverflowError, dump.read, -1, 1)
        self.assertRaises(OverflowError, dump.read, 1 << 64, 1)
        self.assertRaises(OverflowError, dump.convert, self.path("x"), "elf", only=[(0, 1 << 64)])
        self.assertRaises(ValueError, dump.read, 0, -1)
        self.error(dumpio.DumpioError, dumpio.Status.ARG, dump.convert, self.path("x"), "elf:lzo")
        self.error(dumpio.DumpioError, dumpio.Status.ARG, dumpio.open, [])


class Convert(Case):
    def test_formats(self):
        dump = self.shipped()
        for form in ("elf", "lkcd:gzip", "kdump:zstd"):
            result = dump.convert(self.path("out"), form, force=True)
            self.assertEqual((result.pages, result.zero_pages), (16835, 2676))
            self.assertEqual(result.out_bytes, os.path.getsize(self.path("out")))
            with dumpio.open(self.path("out")) as other:
                self.assertEqual(other.info.format, form.partition(":")[0])
                self.assertEqual(dump.compare(other).difference, dumpio.Difference.SAME)

    def test_exists(self):
        open(self.path("out"), "w").close()
        self.error(dumpio.DumpioError, dumpio.Status.EXISTS, self.shipped().convert,
                   self.path("out"), "elf")

    def test_progress(self):
        seen = []
        self.shipped().convert(self.path("out"), "kdump:zlib", progress=seen.append)
        self.assertEqual((seen[-1].done, seen[-1].total), (16835 * 4096, 16835 * 4096))
        self.assertEqual(seen[-1].out, os.path.getsize(self.path("out")))
        self.assertEqual([p.done for p in seen], sorted(p.done for p in seen))

    def test_cancel(self):
        dump = self.shipped()
        self.error(dumpio.CancelledError, dumpio.Status.CANCELLED, dump.convert,
                   self.path("out"), "kdump:zlib", progress=lambda p: True)
        with self.assertRaises(ZeroDivisionError):
            dump.convert(self.path("out"), "kdump:zlib", progress=lambda p: 1 // 0)
        self.assertEqual(os.listdir(self.scratch), [])
        self.assertEqual(dump.convert(self.path("out"), "kdump:zlib").pages, 16835)

    def test_interrupt(self):
        # a handler that raises, as Ctrl-C's does, ends the call; it runs in the main thread alone,
        # which has a turn at progress for sure when it is the only one
        def ring(number, frame):
            raise KeyboardInterrupt
        before = signal.signal(signal.SIGALRM, ring)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        dump = self.shipped()
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with self.assertRaises(KeyboardInterrupt):
            dump.convert(self.path("out"), "kdump:zlib", level=9, threads=1)
        self.assertEqual(os.listdir(self.scratch), [])

    def test_notes(self):
        notes = []
        self.shipped().convert(self.path("out"), "raw", note=lambda *n: notes.append(n))
        self.assertTrue(any(level == 0 for level, text in notes), notes)

        def refuse(level, text):
            raise KeyError(text)
        self.assertRaises(KeyError, self.shipped().convert, self.path("out2"), "raw", note=refuse)

    def test_filter(self):
        dump = self.shipped()
        level = dump.filter(self.path("level"), 1)
        self.assertEqual(level.pages, 16835)
        classes = dump.classify(freed=True)
        runs = list(classes.runs())
        self.assertEqual((runs[0].start, runs[-1].end), (0, 2 ** 64 - 1))
        freed = classes.info.held["freed"]
        self.assertGreater(freed, 0)
        gone = dump.convert(self.path("freed"), "kdump", exclude=["freed"], classes=classes)
        self.assertEqual(gone.excluded_pages["freed"], freed)
        self.assertEqual(gone.pages, 16835 - freed)
        with dumpio.open(self.path("freed")) as other:
            held = {r.start for r in runs if r.name == "freed"}
            self.assertFalse(held & {p.address for p in other.pages() if p.data is not None})
            self.assertRaises(ValueError, other.convert, self.path("x"), "elf", classes=classes,
                              exclude=["freed"])

    def test_ranges(self):
        dump = self.shipped()
        run = next(r for r in dump.ranges(1 << 20) if r.kind is dumpio.Kind.PRESENT
                   and r.end - r.start >= 4 * 4096)
        piece = (run.start, run.start + 2 * 4096)
        result = dump.convert(self.path("out"), "kdump", provenance="why=a test\n",
                              only=[(piece[0] + 4096, piece[1]), (piece[0], piece[0] + 4096)])
        self.assertEqual(result.pages, 2)
        with dumpio.open(self.path("out")) as other:
            self.assertEqual([(r.start, r.end) for r in other.ranges()
                              if r.kind is dumpio.Kind.PRESENT], [piece])
            self.assertIn("why=a test", other.info.provenance)
        dropped = dump.convert(self.path("out"), "kdump", force=True, drop=[piece])
        self.assertEqual(dropped.range_pages, 2)


class View(Case):
    def same(self, dump, form):
        dump.convert(self.path("written"), form, force=True)
        view, at, step = dump.view(form), 0, 70001
        self.assertEqual(view.size, os.path.getsize(self.path("written")))
        with open(self.path("written"), "rb") as f:
            for piece in view.data():
                self.assertTrue(at <= piece[0] < piece[1] <= view.size, piece)
                f.seek(at)
                self.assertFalse(any(f.read(piece[0] - at)), "a hole holds nothing")
                at = piece[1]
            for at in list(range(0, view.size, step)) + [view.size - 5]:
                f.seek(at)
                self.assertTrue(view.read(at, step) == f.read(step), hex(at))
        self.assertEqual(view.read(view.size, 10), b"")
        self.assertEqual(list(view.data(view.size)), [])

    def test_formats(self):
        dump = self.shipped()
        self.same(dump, "elf")
        self.same(dump, "raw")
        self.error(dumpio.DumpioError, dumpio.Status.ARG, dump.view, "kdump")
        view = dump.view("elf")
        dump.close()
        self.assertRaises(ValueError, view.read, 0, 1)

    def test_parts_of_pages(self):
        # 100 KiB and a bit of raw memory: the last page is held in part
        with open(self.path("memory"), "wb") as f:
            f.write(os.urandom(100 * 1024 + 77))
        with dumpio.open(self.path("memory"), format="raw", arch="x86_64") as dump:
            self.assertEqual(len(dump.info.partials), 1)
            self.same(dump, "elf")
            self.same(dump, "raw")

    def test_lost(self):
        with self.shipped() as dump:
            dump.convert(self.path("whole"), "kdump:none")
            address = list(dump.ranges())[-1].end - 4096
        os.truncate(self.path("whole"), os.path.getsize(self.path("whole")) - 4096 * 3)
        with dumpio.open(self.path("whole")) as dump:
            lost = dump.verify().lost
            self.assertGreater(len(lost), 0)
            view = dump.view("raw")
            self.error(dumpio.LostError, dumpio.Status.LOST, view.read, lost[0][0], 4096)
            self.assertEqual(len(view.read(1 << 20, 4096)), 4096)


class Keys(Case):
    def small(self, **options):
        dump = self.shipped()
        dump.convert(self.path("x.age"), "kdump", only=[(0, 64 << 20)], **options)
        return self.path("x.age")

    def test_identity(self):
        key = self.path("key")
        made = subprocess.run([os.path.join(TOOLS, "dumpcrypt"), "keygen", "-o", key], check=True,
                              capture_output=True, text=True)
        recipient = next(w for w in (made.stderr + made.stdout).split() if w.startswith("age1"))
        path = self.small(recipients=recipient)
        self.error(dumpio.DumpioError, dumpio.Status.ARG, dumpio.open, path)
        with open(key) as f:
            secret = next(line for line in f if line.startswith("AGE-SECRET-KEY-")).strip()
        for identity in (key, secret, [os.fsencode(key)]):
            with dumpio.open(path, identity=identity) as dump:
                self.assertEqual(dump.info.containers.split()[0], "age")
                self.assertEqual(dump.info.arch, "x86_64")

    def test_passphrase(self):
        path = self.small(passphrase="open sesame")
        asked = []

        def ask(what):
            asked.append(what)
            return "open sesame"
        with dumpio.open(path, passphrase=ask) as dump:
            self.assertEqual(dump.info.arch, "x86_64")
        self.assertEqual(len(asked), 1)
        self.assertIn("x.age", asked[0])

        def refuse(what):
            raise KeyError(what)
        self.assertRaises(KeyError, dumpio.open, path, passphrase=refuse)
        self.assertRaises(dumpio.DumpioError, dumpio.open, path, passphrase=lambda what: None)


class Threads(Case):
    def test_lock_is_released(self):
        # who writes into a pipe waits for who reads it: with the lock held, that is for ever
        os.mkfifo(self.path("pipe"))
        dump, result = self.shipped(), []
        worker = threading.Thread(target=lambda: result.append(
            dump.convert(self.path("pipe"), "kdump:none", flatten=True, threads=1)), daemon=True)
        worker.start()
        with open(self.path("pipe"), "rb") as f:
            stream = f.read()
        worker.join(60)
        self.assertEqual(result[0].pages, 16835)
        self.assertTrue(stream.startswith(b"makedumpfile\0"))

    def test_many_readers_and_close(self):
        dump = self.shipped()
        run = next(r for r in dump.ranges(1 << 20) if r.kind is dumpio.Kind.PRESENT)
        wanted, wrong, begun = dump.read(run.start, 4096), [], threading.Barrier(5)

        def read():
            begun.wait()
            try:
                for _ in range(20000):
                    if dump.read(run.start, 4096) != wanted:
                        wrong.append("differs")
            except ValueError:
                return
            wrong.append("was never closed")
        workers = [threading.Thread(target=read) for _ in range(4)]
        for w in workers:
            w.start()
        begun.wait()
        dump.close()
        for w in workers:
            w.join()
        self.assertEqual(wrong, [])


class Real(Case):
    WANTED = ("x86_64-6.1-kexec", "s390x-6.1-qemu")

    def setUp(self):
        super().setUp()
        self.folder = os.environ.get("DUMPIO_TEST_DUMPS")
        if not self.folder:
            self.skipTest("DUMPIO_TEST_DUMPS is not set")

    def test_digests(self):
        with open(os.path.join(self.folder, "IMAGE-DIGESTS")) as f:
            text = f.read()
        for name in self.WANTED:
            with self.subTest(name), \
                    dumpio.open(os.path.join(self.folder, name, "vmcore.elf.zst"),
                                memory_limit=1 << 31) as dump:
                line = next(x for x in text.splitlines() if name in x)
                self.assertIn(dump.verify().digest.hex(), line)
                self.assertEqual(dump.info.arch, name.partition("-")[0])
                self.assertIn("Linux version", dump.dmesg())
                held = sum(len(p.data) for p in dump.pages() if p.data is not None)
                self.assertEqual(held, sum(r.end - r.start for r in dump.ranges()
                                           if r.kind is dumpio.Kind.PRESENT))


class Types(Case):
    def test_strict(self):
        try:
            import mypy  # noqa: F401
        except ImportError:
            self.skipTest("mypy is not installed")
        env = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
        found = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir",
                                os.devnull, os.path.join(ROOT, "python", "dumpio")],
                               capture_output=True, text=True, env=env)
        self.assertEqual(found.returncode, 0, found.stdout + found.stderr)

    def test_stub(self):
        import ast
        from dumpio import _dumpio
        with open(os.path.join(ROOT, "python", "dumpio", "_dumpio.pyi")) as f:
            tree = ast.parse(f.read())
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                real = {n for n in vars(getattr(_dumpio, node.name)) if n[:2] != "__"}
                said = {n.name for n in node.body if n.name[:2] != "__"}
                self.assertEqual(real, said, node.name)
            elif isinstance(node, ast.FunctionDef):
                self.assertTrue(callable(getattr(_dumpio, node.name)))


if __name__ == "__main__":
    unittest.main()
