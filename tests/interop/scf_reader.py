#!/usr/bin/env python3
"""An independent reader of the Session Change File, format 1.0.

Written from docs/formats/scf.md alone, to prove that the page suffices; the section numbers below are its.
Standard library only (wire.py, beside it, has CRC32C and MessagePack). Nothing is ever written.

    scf_reader.py DIR               the records of the log, one JSON object a line
    scf_reader.py --sessions DIR    the sessions they add up to, one JSON object a line

Exit status: 0 fine (a torn tail is noted on stderr), 1 damaged, 2 wrong use.
"""
import argparse
import json
import re
import struct
import sys
from collections import namedtuple
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path

from wire import Cursor, Malformed, as_map, crc32c, plain, unpack

class Damaged(Exception):
    """Records that had been on the disk are gone, or this is not a store that the reader knows."""
    def __init__(self, message, segment=None, offset=None, lsn=None):
        super().__init__(f"{message} (segment {segment}, offset {offset}, LSN {lsn})")
        self.message, self.segment, self.offset, self.lsn = message, segment, offset, lsn

# ---- Section 1: segments
HEADER, HEADER_SIZE = struct.Struct("<8sHHI16s11QII"), 512
Segment = namedtuple("Segment", """name data uuid sequence epoch first_lsn created allocated
    previous previous_epoch previous_end previous_last_lsn low_water durable""")

def parse_segment(name, data):
    if len(data) < HEADER_SIZE:
        raise Damaged("segment header is cut short", name, len(data))
    magic, major, minor, size, uuid, *numbers, zero, crc = HEADER.unpack_from(data)
    if magic != b"hybrSCF\n" or crc != crc32c(data[:124]):
        raise Damaged("not a segment header", name, 0)
    if (major, minor) != (1, 0):
        raise Damaged(f"format {major}.{minor} is not known to this reader", name, 8)
    if size != HEADER_SIZE or zero or any(data[HEADER.size:HEADER_SIZE]):
        raise Damaged("segment header is not as in format 1.0", name, 0)
    segment = Segment(name, data, uuid, *numbers)
    if segment.sequence != int(name[:16]):
        raise Damaged("segment has the name of another", name, 32)
    if not segment.epoch or not segment.first_lsn:
        raise Damaged("segment without epoch or LSN", name, 40)
    if segment.previous >= segment.sequence or segment.previous_last_lsn != segment.first_lsn - 1:
        raise Damaged("segment header contradicts itself", name, 72)
    return segment

# ---- Section 2: frames
FRAME, FRAME_MAGIC = struct.Struct("<4sI4Qq4I"), b"SCFf"
RECORDS, SYNC_POINT, SEAL, CLOSED, GROWING = 0, 1, 2, 3, 0xFFFFFFFF
Frame = namedtuple("Frame", "offset end kind epoch first_lsn durable low_water time records")
Walk = namedtuple("Walk", "frames end next_lsn zeros")

def parse_frame(data, at):
    """The frame there, if it has the magic and the header CRC. Its records are None if its payload is not valid."""
    head = data[at:at + FRAME.size]
    if len(head) < FRAME.size or head[:4] != FRAME_MAGIC:
        return None
    _, crc, epoch, first_lsn, durable, low_water, time, kind, count, length, payload_crc = FRAME.unpack(head)
    if crc != crc32c(head[8:52]):
        return None
    end, records = at + FRAME.size + length, None
    if kind == RECORDS and end <= len(data):
        payload = data[at + FRAME.size:end]
        records = split(payload, count) if crc32c(payload) == payload_crc else None
    elif kind in (SYNC_POINT, SEAL, CLOSED) and (count, length, payload_crc) == (0, 0, 0):
        records = []
    return Frame(at, end, kind, epoch, first_lsn, durable, low_water, time, records)

def split(payload, count):
    """The records of a payload as (OP, SID, DATA), or None if these are not exactly that many."""
    records, end = [], len(payload)
    while end:
        start = end - 37 - int.from_bytes(payload[max(end - 4, 0):end], "little")
        if start < 0 or payload[start] >= len(OPS):
            return None
        records.append((payload[start], payload[start + 1:start + 33], payload[start + 33:end - 4]))
        end = start
    return records[::-1] if count in (len(records), GROWING) else None

def next_frame_offset(data, end):
    """Where the frame after one that ends at `end` starts, or None where the frames have ended."""
    for unit in (64, 512):
        at = -(-end // unit) * unit
        head = data[at:at + FRAME.size]
        if any(data[end:at]) or len(head) < FRAME.size:
            return None
        if any(head):
            return at
    return None

def walk(segment, limit):
    """The valid frames before `limit`, where they end, the next LSN, and whether only zeros follow."""
    data = segment.data[:limit]
    frames, end, lsn = [], HEADER_SIZE, segment.first_lsn
    while (at := next_frame_offset(data, end)) is not None:
        frame = parse_frame(data, at)
        if not frame or frame.records is None or (frame.epoch, frame.first_lsn) != (segment.epoch, lsn):
            break
        frames.append(frame)
        end, lsn = frame.end, lsn + len(frame.records)
    return Walk(frames, end, lsn, not data[end:].strip(b"\0"))

def search(data, start, epoch):
    """All frame headers at multiples of 64 with this epoch, whatever follows them."""
    at = data.find(FRAME_MAGIC, start)
    while at >= 0:
        frame = parse_frame(data, at) if at % 64 == 0 else None
        if frame and frame.epoch == epoch:
            yield frame
        at = data.find(FRAME_MAGIC, at + 1)

def search_unused(data):
    first = parse_frame(data, HEADER_SIZE)
    return search(data, HEADER_SIZE, first.epoch) if first else ()

# ---- Section 3: records
OPS = ("create", "destroy", "change_id", "modify", "touch")
CHANGES = ("create", "delete", "update", "clear")
Change = namedtuple("Change", "name packed_key value", defaults=(None, None))

@dataclass
class Session:
    created: int
    last_access: int
    version: int = 0
    entries: dict = field(default_factory=dict)     # the key's MessagePack -> the value, unpacked

@dataclass
class Record:
    lsn: int
    time: int
    op: str
    sid: str
    image: Session | None = None                    # of a create
    new_sid: str | None = None                      # of a change_id
    changes: list = field(default_factory=list)     # of a modify
    touches: list = field(default_factory=list)     # of a touch: (SID, last access)

def parse_record(lsn, time, op, sid, data):
    record, cursor = Record(lsn, time, OPS[op], sid.hex()), Cursor(data)
    if record.op in ("modify", "touch") and not cursor or record.op == "touch" and any(sid):
        raise Malformed(f"{record.op} without content or with a SID")
    if record.op == "create" and cursor:
        record.image = parse_image(cursor)
    elif record.op == "change_id":
        record.new_sid = cursor.take(32).hex()
    while cursor and record.op == "modify":
        record.changes.append(parse_change(cursor))
    while cursor and record.op == "touch":
        record.touches.append((cursor.take(32).hex(), cursor.number("<q")))
    if cursor:
        raise Malformed(f"bytes left over in a {record.op}")
    return record

def parse_change(cursor):
    number = cursor.number("B")
    if number >= len(CHANGES):
        raise Malformed(f"change of unknown kind {number}")
    if CHANGES[number] == "clear":
        return Change("clear")
    key = cursor.sized()
    unpack(key)
    return Change(CHANGES[number], key, None if CHANGES[number] == "delete" else unpack(cursor.sized()))

def parse_image(cursor):
    numbers, entries = {}, {}
    while cursor:
        tag, content = cursor.number("B"), Cursor(cursor.sized())
        if tag in (1, 2, 3) and tag not in numbers and len(content.data) == 8:
            numbers[tag] = content.number("<Q" if tag == 3 else "<q")
        elif tag == 4 and (key := content.sized()) not in entries:
            unpack(key)
            entries[key] = unpack(content.data[content.at:])
        else:
            raise Malformed(f"image with a wrong or repeated field {tag}")
    if len(numbers) < 3:
        raise Malformed("image that lacks a field")
    return Session(numbers[1], numbers[2], numbers[3], entries)

# ---- Section 4: a store
Torn = namedtuple("Torn", "segment offset lsn dropped")    # where the valid frames end, what was expected next

@dataclass
class Log:
    records: list = field(default_factory=list)
    sessions: dict = field(default_factory=dict)    # SID in hexadecimal -> Session
    torn: Torn | None = None
    closed: bool = False                            # the last file ends with a closed frame
    verdict = property(lambda self: "torn" if self.torn else "clean")

def read_store(directory):
    segments, unused = load(directory)
    (chain, cut_off), log = find_chain(segments, unused), Log()
    continues = bool(chain and chain[0].previous)
    low_water = max((segment.low_water for segment in chain), default=1)
    index, part = 0, Walk([], HEADER_SIZE, 1, True)
    for index, (segment, following) in enumerate(zip_longest(chain, chain[1:])):
        part = walk(segment, following.previous_end if following else None)
        for frame in part.frames:
            low_water = max(low_water, frame.low_water)
            for lsn, fields in enumerate(frame.records, frame.first_lsn):
                try:
                    log.records.append(parse_record(lsn, frame.time, *fields))
                    apply(log.sessions, log.records[-1], continues)
                except Malformed as error:
                    raise Damaged(str(error), segment.name, frame.offset, lsn) from None
        if following and part.next_lsn > following.first_lsn:
            raise Damaged("more records than the next segment names", segment.name, part.end, part.next_lsn)
        if not part.zeros or following and (
                part.next_lsn < following.first_lsn or len(segment.data) < following.previous_end):
            break
    check_end(log, chain[index:], cut_off, part, unused)
    if continues and chain[0].first_lsn > low_water:
        raise Damaged(f"segment {chain[0].previous} is missing", chain[0].name, 72, low_water)
    return log

def load(directory):
    """Step 1: the segments and the unused files' (name, data), both by their sequence."""
    segments, unused = {}, {}
    for path in sorted(Path(directory).glob("*.scf")):
        if not re.fullmatch(r"[0-9]{16}\.scf", path.name):
            raise Damaged("not the name of a segment", path.name)
        data, sequence = path.read_bytes(), int(path.stem)
        if len(data) < 8 or not any(data[:8]):
            unused[sequence] = path.name, data
            continue
        segments[sequence] = parse_segment(path.name, data)
        if segments[sequence].uuid != next(iter(segments.values())).uuid:
            raise Damaged("segment of another store", path.name, 16)
    return segments, unused

def find_chain(segments, unused):
    """Step 2: from the last segment down to the first that is there, and what was cut off from that."""
    chain, cut_off, next_one = [], [], max(segments, default=None)
    while next_one in segments:
        segment = segments[next_one]
        if chain and segment.epoch != chain[0].previous_epoch:
            raise Damaged("predecessor has another epoch", chain[0].name, 80)
        chain.insert(0, segment)
        next_one = segment.previous
        if next_one in unused:
            chain, cut_off = [], chain + cut_off
            next_one = max((sequence for sequence in segments if sequence < next_one), default=None)
    if chain and not chain[0].previous and chain[0].first_lsn != 1:
        raise Damaged("the first segment of a store does not begin with LSN 1", chain[0].name, 48)
    return chain, cut_off

def check_end(log, rest, cut_off, part, unused):
    """Step 4: the log ends after `part`, of the first segment in `rest`. Is it all, a torn tail, or damage?"""
    segment, following, later = rest[0] if rest else None, rest[1:2], rest[1:] + cut_off
    expected = part.next_lsn
    name, data = (segment.name, segment.data) if segment else (None, b"")
    claims = [(file, search_unused(found)) for file, found in unused.values()]
    claims += [(one.name, [one, *search(one.data, HEADER_SIZE, one.epoch)]) for one in later]
    if segment:
        counting = data[:following[0].previous_end] if following else data
        claims += [(name, [segment, *part.frames, *search(counting, part.end, segment.epoch)])]
    for file, headers in claims:
        durable = max((header.durable for header in headers), default=0)
        if durable >= expected:
            raise Damaged(f"LSN {durable} had been on the disk, says {file}", name, part.end, expected)
    if later or not part.zeros:
        dropped = [data[part.end:]] + [one.data for one in later]
        log.torn = Torn(name, part.end, expected, sum(len(piece.rstrip(b"\0")) for piece in dropped))
    if segment and not following:
        after = [one.data for one in cut_off] + [data for number, (_, data) in unused.items() if number > segment.sequence]
        check_last(log, segment, part, after)

def check_last(log, segment, part, after):
    """The log ends in the chain's last segment. `after`: what the files of greater sequences hold."""
    kinds = [frame.kind for frame in part.frames]
    ended = part.zeros and kinds[-1:] in ([SEAL], [CLOSED])
    if len(segment.data) < segment.allocated and not ended:
        raise Damaged("file was cut without a closed frame or a seal at its end", segment.name, part.end, part.next_lsn)
    if kinds[-1:] == [SEAL] and not any(len(data) >= HEADER_SIZE for data in after):
        raise Damaged("the segment after the last one is missing", segment.name, part.end, part.next_lsn)
    log.closed = not log.torn and kinds[-1:] == [CLOSED] and part.end == len(segment.data)

def apply(sessions, record, continues):
    """Step 5. `continues`: the log began in segments that are gone."""
    session = sessions.get(record.sid)
    if record.op == "touch":
        for sid, last_access in record.touches:
            if sid in sessions:
                sessions[sid].last_access = max(last_access, sessions[sid].last_access)
    elif record.op == "create":
        if session and not record.image:
            raise Malformed("create of a session that is alive")
        new = record.image or Session(record.time, record.time)
        sessions[record.sid] = replace(new, entries=dict(new.entries))
    elif not session:
        if not continues:
            raise Malformed(f"{record.op} of a session that is not alive")
    elif record.op == "modify":
        for change in record.changes:
            apply_change(session.entries, change)
        session.version, session.last_access = session.version + 1, record.time
    elif record.op == "change_id" and record.new_sid in sessions:
        raise Malformed("change of an id to that of another session")
    else:
        del sessions[record.sid]
        if record.op == "change_id":
            sessions[record.new_sid] = session

def apply_change(entries, change):
    if change.name == "clear":
        entries.clear()
    elif change.name == "delete":
        entries.pop(change.packed_key, None)
    else:
        entries[change.packed_key] = change.value

# ---- JSON
def session_json(session):
    entries = as_map((unpack(key), value) for key, value in sorted(session.entries.items()))
    return vars(session) | {"entries": plain(entries)}

def change_json(change):
    line = {"change": change.name}
    if change.name != "clear":
        line["key"] = plain(unpack(change.packed_key))
    if change.name in ("create", "update"):
        line["value"] = plain(change.value)
    return line

def record_json(record):
    line = {"lsn": record.lsn, "time": record.time, "op": record.op, "sid": record.sid}
    if record.image:
        line["image"] = session_json(record.image)
    if record.op == "change_id":
        line["new_sid"] = record.new_sid
    if record.op == "modify":
        line["changes"] = [change_json(change) for change in record.changes]
    if record.op == "touch":
        line["touches"] = [{"sid": sid, "last_access": time} for sid, time in record.touches]
    return line

def sessions_json(log):
    return [{"sid": sid} | session_json(session) for sid, session in sorted(log.sessions.items())]

def main():
    parser = argparse.ArgumentParser(description="Reads a store of Session Change Files, format 1.0.")
    parser.add_argument("--sessions", action="store_true", help="print the sessions, not the records")
    parser.add_argument("directory", type=Path)
    arguments = parser.parse_args()
    if not arguments.directory.is_dir():
        parser.error(f"{arguments.directory} is not a directory")
    try:
        log = read_store(arguments.directory)
    except Damaged as error:
        print("damaged:", error, file=sys.stderr)
        return 1
    for line in sessions_json(log) if arguments.sessions else map(record_json, log.records):
        print(json.dumps(line))
    if log.torn:
        print("torn: segment {}, offset {}: LSN {} expected, {} bytes dropped".format(*log.torn), file=sys.stderr)
    return 0

if __name__ == "__main__":
    sys.exit(main())
