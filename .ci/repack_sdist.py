"""Write a source archive anew so that the same files give the same bytes.

Run: SOURCE_DATE_EPOCH=SECONDS python .ci/repack_sdist.py FILE.tar.gz

Members are sorted; times, owners and permissions are fixed; the compressor's clock is, too.
"""

import gzip
import io
import os
import sys
import tarfile


def repacked(data, time):
    """The archive `data` with nothing in it but names, contents and who may execute."""
    packed = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(data)) as old,
        gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=time) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            member.mtime, member.pax_headers = time, {}
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    return packed.getvalue()


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    with open(sys.argv[1], "wb") as file:
        file.write(repacked(data, int(os.environ["SOURCE_DATE_EPOCH"])))
