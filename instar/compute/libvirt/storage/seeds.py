"""Custom data for a guest: a NoCloud seed, a small ISO 9660 disk that cloud-init looks for by its label."""

import base64
import binascii
import io

import pycdlib


def seed(custom_data: str, instance_id: str, hostname: str) -> bytes:
    """The disk. custom_data: base64, as ARM has it; what is not is taken as it is."""
    try:
        user_data = base64.b64decode(custom_data, validate=True)
    except (binascii.Error, ValueError):
        user_data = custom_data.encode()
    meta_data = f"instance-id: {instance_id}\nlocal-hostname: {hostname}\n".encode()
    disk = pycdlib.PyCdlib()
    disk.new(interchange_level=3, vol_ident="cidata", joliet=3, rock_ridge="1.09")
    for name, short, content in (("user-data", "USERDATA", user_data), ("meta-data", "METADATA", meta_data)):
        disk.add_fp(io.BytesIO(content), len(content), f"/{short}.;1", rr_name=name, joliet_path=f"/{name}")
    written = io.BytesIO()
    disk.write_fp(written)
    disk.close()
    return written.getvalue()
