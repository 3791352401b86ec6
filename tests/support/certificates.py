"""A certificate that nobody has signed but its owner."""

import os
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAY = timedelta(days=1)


def write_certificate(
    folder: Path, owner: tuple[int, int], hosts: Sequence[str] = ()
) -> tuple[Path, Path]:
    """
    For 127.0.0.1 and `hosts`: the files of the certificate and of its key, for nobody but `owner`.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - DAY).not_valid_after(now + DAY)
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    if hosts:
        builder = builder.add_extension(names, critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    encoding = serialization.Encoding.PEM
    formats = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return (
        _write(folder / "server.crt", certificate.public_bytes(encoding), owner),
        _write(folder / "server.key", key.private_bytes(encoding, *formats), owner),
    )


def key_hash(certificate: Path) -> str:
    """What browsers know a certificate's key by: base64 of the SHA-256 of its public key's DER."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return b64encode(sha256(key.public_bytes(encoding, form)).digest()).decode()


def _write(file: Path, data: bytes, owner: tuple[int, int]) -> Path:
    file.write_bytes(data)
    file.chmod(0o600)
    os.chown(file, *owner)
    return file
