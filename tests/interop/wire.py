"""What scf_reader.py needs below the format itself: CRC32C, a cursor over bytes, MessagePack, and its values as JSON."""
import math
import struct

class Malformed(Exception):
    """Bytes with the right CRC that mean nothing. Becomes Damaged where their place is known."""

def crc32c_of_byte(value):
    for _ in range(8):
        value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value

CRC32C_TABLE = [crc32c_of_byte(value) for value in range(256)]

def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC32C_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF

class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def __bool__(self):
        return self.at < len(self.data)

    def take(self, size):
        piece = self.data[self.at:self.at + size]
        if len(piece) < size:
            raise Malformed("cut short")
        self.at += size
        return piece

    def number(self, code):
        return struct.unpack(code, self.take(struct.calcsize(code)))[0]

    def varint(self):
        value = 0
        for shift in range(0, 70, 7):
            byte = self.number("B")
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise Malformed("varint of more than 10 bytes")

    def sized(self):
        return self.take(self.varint())

# ---- MessagePack

class Pairs(list):
    """A map as (key, value) pairs, where no JSON object can hold it: a key is no string, or not UTF-8, or twice there,
    or begins with the '$' that marks what plain() makes."""

CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
NUMBERS = dict(zip(range(0xCA, 0xD4), (">f", ">d", ">B", ">H", ">I", ">Q", ">b", ">h", ">i", ">q")))
SIZED = {0xC4: (">B", bytes), 0xC5: (">H", bytes), 0xC6: (">I", bytes), 0xD9: (">B", str), 0xDA: (">H", str),
         0xDB: (">I", str), 0xDC: (">H", list), 0xDD: (">I", list), 0xDE: (">H", dict), 0xDF: (">I", dict)}

def unpack(data):
    """The one MessagePack value that these bytes are."""
    cursor = Cursor(data)
    try:
        value = unpack_next(cursor)
    except RecursionError:
        raise Malformed("MessagePack nested deeper than this reader can follow") from None
    if cursor:
        raise Malformed("bytes after the MessagePack value")
    return value

def unpack_next(cursor):
    tag = cursor.number("B")
    if tag < 0x80:
        return tag
    if tag < 0x90:
        return unpack_sized(cursor, dict, tag & 0x0F)
    if tag < 0xA0:
        return unpack_sized(cursor, list, tag & 0x0F)
    if tag < 0xC0:
        return unpack_sized(cursor, str, tag & 0x1F)
    if tag >= 0xE0:
        return tag - 0x100
    if tag in CONSTANTS:
        return CONSTANTS[tag]
    if tag in NUMBERS:
        return cursor.number(NUMBERS[tag])
    if tag in SIZED:
        code, kind = SIZED[tag]
        return unpack_sized(cursor, kind, cursor.number(code))
    raise Malformed(f"MessagePack type 0x{tag:02x}")

def unpack_sized(cursor, kind, size):
    if kind is bytes:
        return cursor.take(size)
    if kind is str:
        return cursor.take(size).decode("utf-8", "surrogateescape")
    if kind is list:
        return [unpack_next(cursor) for _ in range(size)]
    return as_map((unpack_next(cursor), unpack_next(cursor)) for _ in range(size))

def as_map(pairs):
    pairs = Pairs(pairs)
    return dict(pairs) if len({key for key, _ in pairs if is_plain_key(key)}) == len(pairs) else pairs

def is_plain_key(key):
    return isinstance(key, str) and is_utf8(key) and not key.startswith("$")

def is_utf8(text):
    """Not where unpack_sized() had to keep bytes that are not."""
    return not any("\udc80" <= character <= "\udcff" for character in text)

def plain(value):
    """A MessagePack value as JSON can hold it."""
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, str) and not is_utf8(value):
        return {"$string": value.encode("utf-8", "surrogateescape").hex()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if isinstance(value, Pairs):
        return {"$map": [[plain(key), plain(item)] for key, item in value]}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value
