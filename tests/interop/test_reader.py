#!/usr/bin/env python3
"""Tests of scf_reader.py on stores that a small writer here, also made from docs/formats/scf.md, puts together.

If golden/v1 (a store that the library wrote) is there, it must read as golden/v1.sessions.json says; and if
HYBRID_BINARY is set too, that program's `inspect` must print the same records as this reader.
"""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import scf_reader  # noqa: E402
from scf_reader import Damaged, read_store  # noqa: E402
from wire import Malformed, crc32c, plain, unpack  # noqa: E402

UUID = bytes(range(16))
EPOCH = 0x1122334455667788
A, B, C = b"A" * 32, b"B" * 32, b"C" * 32
ZERO_SID = bytes(32)
NOW = 1_700_000_000_000
RECORDS, SYNC_POINT, SEAL, CLOSED = range(4)
ONE, TWO = (f"{number:016}.scf" for number in (1, 2))

# ---- The writer

def header(sequence=1, first=1, *, epoch=None, uuid=UUID, major=1, minor=0, allocated=0, previous=0,
           previous_end=0, low_water=1, durable=0):
    fields = struct.pack("<8sHHI16s11QI", b"hybrSCF\n", major, minor, 512, uuid, sequence, epoch or EPOCH + sequence,
                         first, NOW, allocated, previous, EPOCH + previous if previous else 0, previous_end,
                         (first - 1) % 2**64, low_water, durable, 0)
    return (fields + struct.pack("<I", crc32c(fields))).ljust(512, b"\0")

def frame(first, *records, sequence=1, kind=RECORDS, durable=0, low_water=1, time=NOW, count=None, epoch=None):
    payload = b"".join(records)
    covered = struct.pack("<QQQQqI", epoch or EPOCH + sequence, first, durable, low_water, time, kind)
    return (b"SCFf" + struct.pack("<I", crc32c(covered)) + covered + struct.pack(
        "<III", len(records) if count is None else count, len(payload), crc32c(payload)) + payload)

def join(*pieces, unit=64):
    """Pieces one after the other, each but the first at a multiple of the unit; the end is not padded."""
    data = b""
    for piece in pieces:
        data += bytes(-len(data) % unit) + piece
    return data

def record(op, sid, data=b""):
    return bytes([op]) + sid + data + struct.pack("<I", len(data))

def varint(number):
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80]) + varint(number >> 7)

def sized(data):
    return varint(len(data)) + data

def change(op, key=None, value=None):
    return bytes([op]) + b"".join(sized(part) for part in (key, value) if part is not None)

def string(text):
    assert len(text) < 32
    return bytes([0xA0 + len(text)]) + text.encode()

def create(sid, image=b""):
    return record(0, sid, image)

def destroy(sid):
    return record(1, sid)

def change_id(old, new):
    return record(2, old, new)

def modify(sid, *changes):
    return record(3, sid, b"".join(changes))

def touch(*pairs):
    return record(4, ZERO_SID, b"".join(sid + struct.pack("<q", time) for sid, time in pairs))

def image(created, last_access, version, **entries):
    fields = [(1, struct.pack("<q", created)), (2, struct.pack("<q", last_access)), (3, struct.pack("<Q", version))]
    fields += [(4, sized(string(key)) + value) for key, value in entries.items()]
    return b"".join(bytes([tag]) + sized(data) for tag, data in reversed(fields))

SET_X = change(0, string("x"), b"\x01")     # x = 1, which must be new

# ---- The tests

class StoreTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="scf-interop-")
        self.addCleanup(temporary.cleanup)
        self.directory = Path(temporary.name)

    def write(self, **files):
        for name, data in files.items():
            (self.directory / f"{name}.scf").write_bytes(data)

    def read(self, *first, **named):
        """Reads a store of the segments 1, 2, ... that are not None, and of files with other names."""
        for old in self.directory.iterdir():
            old.unlink()
        self.write(**{f"{number:016}": data for number, data in enumerate(first, 1) if data is not None}, **named)
        return read_store(self.directory)

    def damaged(self, *first, says=None, **named):
        with self.assertRaises(Damaged) as caught:
            self.read(*first, **named)
        if says:
            self.assertIn(says, caught.exception.message)
        return caught.exception

    def entries(self, log, sid):
        return scf_reader.session_json(log.sessions[sid.hex()])["entries"]

class Wire(unittest.TestCase):
    def test_crc32c(self):
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)
        self.assertEqual(crc32c(b""), 0)

    def test_messagepack(self):
        for packed, value in (
                ("00", 0), ("7f", 127), ("ff", -1), ("e0", -32), ("c0", None), ("c2", False), ("c3", True),
                ("cc80", 128), ("cd0100", 256), ("ce00010000", 65536), ("cf" + "ff" * 8, 2**64 - 1),
                ("d0df", -33), ("d1ff00", -256), ("d2ffff0000", -65536), ("d380" + "00" * 7, -2**63),
                ("ca3fc00000", 1.5), ("cb3ff8000000000000", 1.5), ("a161", "a"), ("d90161", "a"), ("da000161", "a"),
                ("db0000000161", "a"), ("c4020001", {"$bytes": "0001"}), ("c500010a", {"$bytes": "0a"}),
                ("c6000000010a", {"$bytes": "0a"}), ("920102", [1, 2]), ("dc000101", [1]), ("dd0000000101", [1]),
                ("81a16101", {"a": 1}), ("de0001a16101", {"a": 1}), ("df00000001a16101", {"a": 1}), ("80", {}),
                ("810102", {"$map": [[1, 2]]}), ("82a16101a16102", {"$map": [["a", 1], ["a", 2]]}),
                ("8190c0", {"$map": [[[], None]]}), ("a2ff41", {"$string": "ff41"}),
                ("81a1ffc3", {"$map": [[{"$string": "ff"}, True]]}), ("81a22461c3", {"$map": [["$a", True]]}),
                ("ca7fc00000", {"$float": "nan"}),
                ("ca7f800000", {"$float": "inf"}), ("caff800000", {"$float": "-inf"})):
            with self.subTest(packed):
                result = plain(unpack(bytes.fromhex(packed)))
                self.assertTrue(same(result, value), result)
        for packed in ("", "c1", "d40000", "c7010000", "a2", "92", "0000", "91" * 100_000):
            with self.subTest(packed[:20]), self.assertRaises(Malformed):
                unpack(bytes.fromhex(packed))

class OneSegment(StoreTest):
    def test_nothing(self):
        for files in ((), (b"",), (bytes(4096),)):
            log = self.read(*files)
            self.assertEqual((log.verdict, log.records, log.sessions), ("clean", [], {}))

    def test_plain_log(self):
        log = self.read(join(header(), frame(1, create(A), modify(A, SET_X)), frame(3, create(B), time=NOW + 5)))
        self.assertEqual((log.verdict, log.closed), ("clean", False))
        self.assertEqual([(one.lsn, one.time, one.op, one.sid) for one in log.records],
                         [(1, NOW, "create", A.hex()), (2, NOW, "modify", A.hex()), (3, NOW + 5, "create", B.hex())])
        self.assertEqual(scf_reader.sessions_json(log), [
            {"sid": A.hex(), "created": NOW, "last_access": NOW, "version": 1, "entries": {"x": 1}},
            {"sid": B.hex(), "created": NOW + 5, "last_access": NOW + 5, "version": 0, "entries": {}}])

    def test_starts_of_frames(self):
        first = join(header(), frame(1, create(A)))
        after_sync = join(first, frame(2, create(B), durable=1), unit=512)
        for data in (join(first, frame(2, create(B))), after_sync, after_sync.ljust(1 << 16, b"\0"),
                     join(first, frame(2, kind=SYNC_POINT, durable=1), frame(2, create(B), durable=1), unit=512),
                     join(first, frame(2), frame(2, create(B), count=0xFFFFFFFF))):
            log = self.read(data)
            self.assertEqual((log.verdict, len(log.records)), ("clean", 2))

    def test_every_op(self):
        log = self.read(join(
            header(),
            frame(1, create(A), create(B), create(C)),
            frame(4, modify(A, SET_X, change(0, string("y"), b"\x02"), change(2, string("x"), b"\x03")), time=NOW + 1),
            frame(5, modify(A, change(1, string("y")), change(0, b"\xC4\x01z", b"\xC3")), time=NOW + 2),
            frame(6, modify(B, SET_X, change(3), change(0, b"\x07", b"\xC4\x00")), destroy(C), change_id(A, C)),
            frame(9, touch((B, NOW + 9), (A, NOW + 10)))))
        self.assertEqual([scf_reader.record_json(one) for one in log.records[3:]], [
            {"lsn": 4, "time": NOW + 1, "op": "modify", "sid": A.hex(), "changes": [
                {"change": "create", "key": "x", "value": 1}, {"change": "create", "key": "y", "value": 2},
                {"change": "update", "key": "x", "value": 3}]},
            {"lsn": 5, "time": NOW + 2, "op": "modify", "sid": A.hex(), "changes": [
                {"change": "delete", "key": "y"}, {"change": "create", "key": {"$bytes": "7a"}, "value": True}]},
            {"lsn": 6, "time": NOW, "op": "modify", "sid": B.hex(), "changes": [
                {"change": "create", "key": "x", "value": 1}, {"change": "clear"},
                {"change": "create", "key": 7, "value": {"$bytes": ""}}]},
            {"lsn": 7, "time": NOW, "op": "destroy", "sid": C.hex()},
            {"lsn": 8, "time": NOW, "op": "change_id", "sid": A.hex(), "new_sid": C.hex()},
            {"lsn": 9, "time": NOW, "op": "touch", "sid": "00" * 32, "touches": [
                {"sid": B.hex(), "last_access": NOW + 9}, {"sid": A.hex(), "last_access": NOW + 10}]}])
        self.assertEqual(scf_reader.sessions_json(log), [
            {"sid": B.hex(), "created": NOW, "last_access": NOW + 9, "version": 1,
             "entries": {"$map": [[7, {"$bytes": ""}]]}},
            {"sid": C.hex(), "created": NOW, "last_access": NOW + 2, "version": 2,
             "entries": {"$map": [["x", 3], [{"$bytes": "7a"}, True]]}}])

    def test_image(self):
        log = self.read(join(header(), frame(1, create(A), modify(A, SET_X)),
                             frame(3, create(A, image(-5, 6, 2**64 - 1, k=b"\x01", l=string("v" * 31))),
                                   create(B, image(1, 2, 3)), modify(B, SET_X))))
        self.assertEqual(scf_reader.sessions_json(log), [
            {"sid": A.hex(), "created": -5, "last_access": 6, "version": 2**64 - 1, "entries": {"k": 1, "l": "v" * 31}},
            {"sid": B.hex(), "created": 1, "last_access": NOW, "version": 4, "entries": {"x": 1}}])
        self.assertEqual(scf_reader.record_json(log.records[3])["image"],
                         {"created": 1, "last_access": 2, "version": 3, "entries": {}})

    def test_long_value(self):
        value = b"\xC5\x01\x90" + b"SCFf" * 100
        log = self.read(join(header(), frame(1, create(A), modify(A, change(0, string("x"), value)))))
        self.assertEqual(self.entries(log, A), {"x": {"$bytes": value[3:].hex()}})

    def test_records_that_mean_nothing(self):
        for wrong in (record(1, A, b"x"), record(2, A, bytes(31)), modify(A), touch(), modify(A, b"\4"),
                      record(4, A, A + bytes(8)), record(4, ZERO_SID, A + bytes(7)), modify(A, change(0, b"\1\1", b"\1")),
                      modify(A, change(0, b"\1", b"\xC1")), create(B, image(1, 2, 3)[:-1]), create(B, image(1, 2, 3) * 2),
                      create(B, b"\1" + sized(bytes(8))), create(A), destroy(B), change_id(B, C), change_id(A, A),
                      modify(B, SET_X)):
            error = self.damaged(join(header(), frame(1, create(A), wrong)))
            self.assertEqual((error.segment, error.offset, error.lsn), (ONE, 512, 2))
        self.assertEqual(self.read(join(header(), frame(1, create(A), touch((B, 1))))).verdict, "clean")

    def test_changes_need_not_fit(self):
        log = self.read(join(header(), frame(1, create(A), modify(A, SET_X, change(0, string("x"), b"\2"), change(
            1, string("y")), change(2, string("z"), b"\3")))))
        self.assertEqual(self.entries(log, A), {"x": 2, "z": 3})

    def test_touch_moves_forward_only(self):
        log = self.read(join(header(), frame(
            1, create(A), touch((A, NOW - 1)), create(B), touch((B, NOW + 1), (B, NOW)))))
        self.assertEqual([one.last_access for one in log.sessions.values()], [NOW, NOW + 1])

class EndOfLog(StoreTest):
    START = join(header(), frame(1, create(A)))

    def test_torn(self):
        whole = frame(2, create(B), modify(B, SET_X))
        for torn in (whole[:-1], whole[:64], whole[:30], whole[:-1] + b"?", whole[:-1] + b"?" + bytes(2000)):
            log = self.read(join(self.START, torn))
            end = len(self.START)
            self.assertEqual(log.verdict, "torn")
            dropped = -end % 64 + len(torn.rstrip(b"\0"))
            self.assertEqual(log.torn, (ONE, end, 2, dropped))
            self.assertEqual(list(log.sessions), [A.hex()])

    def test_frames_that_are_not_valid(self):
        for wrong in (frame(3, create(B)), frame(2, create(B), epoch=9), frame(2, create(B), count=2),
                      frame(2, create(B)[:-1]), frame(2, record(5, A)), frame(2, kind=4), frame(2, create(B), kind=SYNC_POINT),
                      frame(2, kind=SYNC_POINT, count=0xFFFFFFFF)):
            self.assertEqual(self.read(join(self.START, wrong)).torn[:3], (ONE, len(self.START), 2))

    def test_half_a_record_after_a_growing_frame(self):
        growing = join(header(), frame(1, create(A), count=0xFFFFFFFF))
        log = self.read((growing + create(B)[:20]).ljust(4096, b"\0"))
        self.assertEqual((log.torn, list(log.sessions)), ((ONE, len(growing), 2, 20), [A.hex()]))

    def test_damage_proved_by_a_later_frame(self):
        broken = frame(2, create(B))[:-1] + b"?"
        for later, unit in ((frame(3, kind=SYNC_POINT, durable=2), 512), (frame(3, create(C), durable=2), 64)):
            error = self.damaged(join(self.START, broken, later, unit=unit), says="LSN 2 had been on the disk")
            self.assertEqual((error.segment, error.offset, error.lsn), (ONE, len(self.START), 2))
        not_durable = join(self.START, broken, frame(3, create(C), durable=1))
        self.assertEqual(self.read(not_durable).torn[:3], (ONE, len(self.START), 2))
        other_epoch = join(self.START, broken, frame(3, create(C), durable=2, epoch=9))
        self.assertEqual(self.read(other_epoch).verdict, "torn")

    def test_damage_proved_by_the_own_header(self):
        self.damaged(join(header(durable=2), frame(1, create(A))), says="LSN 2 had been on the disk")

    def test_damage_proved_by_a_seal(self):
        sealed = join(self.START, frame(2, kind=SEAL, durable=2))
        self.damaged(sealed, b"", says="LSN 2 had been on the disk")

    def test_damage_proved_by_an_unused_file(self):
        lost_header = bytes(512) + frame(2, create(B), epoch=9, durable=1) + bytes(100)
        self.assertEqual(self.read(self.START, lost_header).verdict, "clean")
        lost_header = bytes(512) + frame(3, create(C), epoch=9, durable=2) + bytes(100)
        self.damaged(self.START, lost_header, says="says " + TWO)
        self.damaged(lost_header)
        self.damaged(lost_header, join(header(2), frame(1, create(A), sequence=2)), says="says " + ONE)
        for epoch, ok in ((9, False), (8, True)):
            second = join(bytes(512), frame(2, create(B), epoch=9), frame(3, create(C), epoch=epoch, durable=2))
            if ok:
                self.assertEqual(self.read(self.START, second).verdict, "clean")
            else:
                self.damaged(self.START, second, says="says " + TWO)
        self.assertEqual(self.read(self.START, bytes(64) + lost_header).verdict, "clean")

    def test_allocated(self):
        data = join(header(allocated=4096), frame(1, create(A)))
        self.assertEqual(self.read(data.ljust(4096, b"\0")).verdict, "clean")
        for size in (len(data), 4095):
            self.damaged(data.ljust(size, b"\0"), says="cut")
        closed = join(data, frame(2, kind=CLOSED, durable=1))
        log = self.read(closed)
        self.assertEqual((log.verdict, log.closed), ("clean", True))
        self.damaged(closed + b"x", says="cut")
        sealed = join(header(allocated=4096), frame(1, create(A)), frame(2, kind=SEAL, durable=1))
        for going_on in (closed + bytes(64), closed.ljust(4096, b"\0"), sealed,
                         join(closed, frame(2, kind=SEAL, durable=1), unit=512)):
            log = self.read(going_on, bytes(512))
            self.assertEqual((log.verdict, log.closed), ("clean", False))
        self.damaged(sealed + b"x", b"", says="cut")

    def test_unused_files(self):
        for unused in (b"", b"x" * 7, bytes(512), bytes(1 << 16), bytes(8) + b"x" * 600):
            log = self.read(self.START, unused)
            self.assertEqual((log.verdict, list(log.sessions)), ("clean", [A.hex()]))
            self.assertEqual(self.read(unused).sessions, {})
        for begun in (b"x" * 8, self.START[:511]):
            self.damaged(self.START, begun, says="cut short")

    def small_closed_store(self, allocated):
        data = join(header(allocated=allocated), frame(1, create(A), modify(A, SET_X)))
        return join(data, frame(3, create(B), durable=2), frame(4, kind=CLOSED, durable=3), unit=512)

    def test_every_flipped_bit(self):
        data = self.small_closed_store(allocated=1 << 20)
        self.assertTrue(self.read(data).closed)
        for bit in range(8 * len(data)):
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            with self.subTest(byte=bit // 8, bit=bit % 8):
                self.damaged(flipped)

    def test_every_flipped_bit_if_allocated_is_not_known(self):
        data = self.small_closed_store(allocated=0)
        whole = scf_reader.sessions_json(self.read(data))
        for bit in range(8 * len(data)):
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            with self.subTest(byte=bit // 8, bit=bit % 8):
                try:
                    log = self.read(flipped)
                    self.assertEqual((log.verdict, scf_reader.sessions_json(log)), ("torn", whole))
                except Damaged:
                    pass

    def test_every_cut(self):
        data = self.small_closed_store(allocated=1 << 20)
        for size in range(512, len(data)):
            with self.subTest(size=size):
                self.damaged(data[:size])

class Chain(StoreTest):
    RECORDS_OF_ONE = join(header(), frame(1, create(A), modify(A, SET_X)))
    FIRST = join(RECORDS_OF_ONE, frame(3, kind=SEAL, durable=2))

    def second(self, *frames, **fields):
        fields = {"previous": 1, "previous_end": len(self.FIRST), "durable": 2} | fields
        frames = frames or (frame(3, create(B), sequence=2, durable=2),)
        return join(header(2, 3, **fields), *frames)

    def test_two_segments(self):
        for first, end in ((self.FIRST, len(self.FIRST)), (self.FIRST, len(self.RECORDS_OF_ONE)),
                           (self.FIRST + b"what follows does not count", len(self.FIRST)),
                           (self.FIRST + bytes(4096), len(self.FIRST) + 4096)):
            log = self.read(first, self.second(previous_end=end))
            self.assertEqual((log.verdict, [one.lsn for one in log.records]), ("clean", [1, 2, 3]))
            self.assertEqual(set(log.sessions), {A.hex(), B.hex()})

    def test_first_lost_its_seal(self):
        log = self.read(self.RECORDS_OF_ONE, self.second())
        self.assertEqual((log.torn[:3], set(log.sessions)), ((ONE, len(self.RECORDS_OF_ONE), 3), {A.hex()}))
        self.damaged(self.RECORDS_OF_ONE, self.second(frame(3, create(B), sequence=2, durable=3)), says="says " + TWO)

    def test_header_lost(self):
        third = join(header(3, 4, previous=2, previous_end=1024), frame(4, create(C), sequence=3))
        for second in (bytes(4096), b"", bytes(512) + self.second()[512:]):
            log = self.read(self.FIRST, second, third)
            self.assertEqual((log.torn[:3], set(log.sessions)), ((ONE, len(self.FIRST), 3), {A.hex()}))
            for claim in (join(third, frame(5, kind=SYNC_POINT, sequence=3, durable=3)),
                          join(header(3, 4, previous=2, previous_end=1024, durable=3))):
                self.damaged(self.FIRST, second, claim, says="says 0000000000000003.scf")
        self.assertEqual(self.read(None, bytes(4096), third).torn[1:3], (512, 1))
        lost = bytes(512) + join(self.second(), frame(4, kind=SYNC_POINT, sequence=2, durable=3))[512:]
        self.damaged(self.FIRST, lost, third, says="says " + TWO)

    def test_missing_last(self):
        self.damaged(self.FIRST, says="after the last one is missing")
        self.damaged(self.FIRST + bytes(4096), says="after the last one is missing")
        self.assertEqual(self.read(self.FIRST, bytes(4096)).verdict, "clean")
        self.assertEqual(self.read(self.FIRST, None, bytes(512)).verdict, "clean")
        self.damaged(self.FIRST, bytes(511), says="after the last one is missing")

    def test_missing_first(self):
        self.damaged(None, self.second(), says="segment 1 is missing")
        self.damaged(bytes(4096), self.second(), says="says " + TWO)

    def test_removed_first(self):
        unknown = frame(3, modify(A, SET_X), touch((A, 1)), change_id(A, B), destroy(C), sequence=2)
        superseding = frame(7, create(B, image(1, 2, 3)), modify(B, SET_X), sequence=2)
        for low in (self.second(unknown, superseding, low_water=3),
                    self.second(unknown, superseding, frame(9, kind=SYNC_POINT, sequence=2, low_water=7))):
            log = self.read(None, low)
            self.assertEqual((log.verdict, list(log.sessions), self.entries(log, B)), ("clean", [B.hex()], {"x": 1}))
        self.damaged(None, self.second(unknown, superseding, low_water=2), says="segment 1 is missing")
        not_on_the_chain = join(header(3, 3, previous=1, durable=2, low_water=3))
        newest = join(header(4, 3, previous=2, durable=2), frame(3, create(B, image(1, 2, 3)), sequence=4))
        self.damaged(None, None, not_on_the_chain, newest, says="segment 2 is missing")

    def test_wrong_names(self):
        self.damaged(self.FIRST, None, self.second(), says="name")
        for name in ("2", "x", "00000000000000002", "000000000000000a"):
            self.damaged(self.FIRST, self.second(), **{name: b""}, says="name")
        for name in ("lock", "0000000000000002.bak", "x.scf.tmp"):
            self.read(self.RECORDS_OF_ONE)
            (self.directory / name).write_bytes(b"not a segment")
            self.assertEqual(read_store(self.directory).verdict, "clean")

    def test_wrong_headers(self):
        for says, fields in (("another store", {"uuid": bytes(16)}), ("format 2.0", {"major": 2}),
                             ("format 1.1", {"minor": 1}), ("format 0.0", {"major": 0})):
            self.damaged(self.FIRST, self.second(**fields), says=says)
        self.damaged(self.FIRST, b"x" * 512, says="not a segment header")
        self.damaged(header(1, 0), says="without epoch or LSN")
        self.damaged(None, header(2, 3, previous=2), says="contradicts itself")
        self.damaged(join(header(1, 1, epoch=9), frame(1, create(A), epoch=9)), self.second(), says="epoch")

    def test_superseded(self):
        broken = frame(3, create(C), sequence=2)[:-1] + b"?"
        superseded = self.second(broken)
        recovered = join(header(3, 3, previous=1, previous_end=len(self.RECORDS_OF_ONE), durable=2),
                         frame(3, create(B), sequence=3, durable=2))
        for first in (self.FIRST, self.RECORDS_OF_ONE + b"torn"):
            log = self.read(first, superseded, recovered)
            self.assertEqual((log.verdict, list(log.sessions)), ("clean", [A.hex(), B.hex()]))
        self.damaged(self.FIRST, self.second(broken, uuid=bytes(16)), recovered, says="another store")

    def test_torn_before_the_last(self):
        broken = join(header(), frame(1, create(A)), frame(2, create(C))[:-1] + b"?")
        fields = {"previous_end": len(broken), "durable": 1}
        later = frame(3, create(B), sequence=2, durable=1)
        end = len(join(header(), frame(1, create(A))))
        log = self.read(broken, self.second(later, **fields))
        self.assertEqual((log.torn[:3], list(log.sessions)), ((ONE, end, 2), [A.hex()]))
        cut = self.read(broken[:end], self.second(later, **fields))
        self.assertEqual((cut.torn[:3], list(cut.sessions)), ((ONE, end, 2), [A.hex()]))
        beyond = join(broken, frame(2, kind=SYNC_POINT, durable=2), unit=512)
        self.assertEqual(self.read(beyond, self.second(later, **fields)).torn[:3], (ONE, end, 2))
        self.damaged(beyond, self.second(later, **fields | {"previous_end": len(beyond)}), says="says " + ONE)
        self.damaged(broken, self.second(later), says="says " + TWO)
        self.damaged(broken, self.second(frame(3, sequence=2, kind=SYNC_POINT, durable=2), **fields), says="says " + TWO)

    def test_more_than_the_next_names(self):
        more = join(header(), frame(1, create(A), create(B), create(C)))
        self.damaged(more, self.second(previous_end=len(more)), says="more records")

class Program(StoreTest):
    def run_reader(self, *arguments):
        command = [sys.executable, "-B", HERE / "scf_reader.py", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def test_program(self):
        self.read(EndOfLog.START + b"torn")
        result = self.run_reader(self.directory)
        self.assertEqual(result.returncode, 0)
        self.assertEqual(json.loads(result.stdout), {"lsn": 1, "time": NOW, "op": "create", "sid": A.hex()})
        self.assertIn("torn", result.stderr)
        result = self.run_reader("--sessions", self.directory)
        self.assertEqual(json.loads(result.stdout),
                         {"sid": A.hex(), "created": NOW, "last_access": NOW, "version": 0, "entries": {}})
        (self.directory / TWO).write_bytes(b"x" * 512)
        result = self.run_reader(self.directory)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn(TWO, result.stderr)
        for wrong in ((), ("--unknown", self.directory), (self.directory / "missing",)):
            self.assertEqual(self.run_reader(*wrong).returncode, 2)

# ---- The library's own store

GOLDEN = HERE / "golden" / "v1"
EXPECTED = HERE / "golden" / "v1.sessions.json"

def same(one, other):
    """Equal as JSON: 1 is 1.0, but true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other

def json_lines(text):
    return [json.loads(line) for line in text.splitlines() if line.strip()]

@unittest.skipUnless(GOLDEN.is_dir(), f"there is no {GOLDEN}")
class Golden(unittest.TestCase):
    def test_sessions(self):
        found = scf_reader.sessions_json(read_store(GOLDEN))
        expected = sorted(json_lines(EXPECTED.read_text()), key=lambda session: session["sid"])
        self.assertEqual([one["sid"] for one in found], [one["sid"] for one in expected])
        for one, other in zip(found, expected):
            self.assertTrue(same(one, other), f"\nread     {one}\nexpected {other}")

    @unittest.skipUnless(os.environ.get("HYBRID_BINARY"), "HYBRID_BINARY is not set")
    def test_inspect(self):
        with tempfile.TemporaryDirectory(prefix="scf-interop-") as temporary:
            copy = shutil.copytree(GOLDEN, Path(temporary) / "store")
            command = [os.environ["HYBRID_BINARY"], "inspect", copy, "--json", "--values"]
            output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        theirs = [line for line in json_lines(output) if "lsn" in line and "op" in line]
        ours = [scf_reader.record_json(record) for record in read_store(GOLDEN).records]
        self.assertEqual(len(ours), len(theirs))
        for one, other in zip(ours, theirs):
            names = ["lsn", "time", "op", "sid"] + ["changes"] * (one["op"] == "modify")
            for name in names:
                self.assertTrue(same(one[name], other.get(name)), f"{name}\nours   {one}\ntheirs {other}")

if __name__ == "__main__":
    if not GOLDEN.is_dir():
        print(f"skipped: the library's own store, as there is no {GOLDEN}")
    elif not os.environ.get("HYBRID_BINARY"):
        print("skipped: comparison with the library's inspect, as HYBRID_BINARY is not set")
    unittest.main()
