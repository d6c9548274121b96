"""Where a server may send to on somebody's behalf: never into its own network, unless its operator allows it.

Whoever may name a URL could otherwise reach what only the server can: its machine, its neighbours, the metadata service
of its cloud. A name is resolved once, all its addresses are looked at, and only these are connected to.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from threadline.errors import DestinationError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be sent to although it is not public.

    Attributes:
        hosts: host names, in lower case.
    """

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> Allowed:
        """From host names, addresses and networks such as `10.0.0.0/8`."""
        hosts: set[str] = set()
        networks: list[Network] = []
        for entry in entries:
            try:
                networks.append(ipaddress.ip_network(entry.strip(), strict=False))
            except ValueError:
                hosts.add(entry.strip().lower())
        return cls(frozenset(hosts), tuple(networks))

    def has(self, host: str, address: Address) -> bool:
        """Whether an address of a host is allowed."""
        return host in self.hosts or any(address in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class Destination:
    """A URL that may be sent to, as far as can be said without resolving its name."""

    scheme: str
    host: str
    port: int
    path: str
    query: str
    allowed: Allowed = field(default_factory=Allowed, repr=False)

    @property
    def authority(self) -> str:
        """Host and port, as in the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def addresses(self) -> list[str]:
        """The addresses that may be connected to.

        Raises:
            DestinationError: one of them is not public. Then none is used: the others are no proof of good will.
            OSError: the name cannot be resolved.
        """
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for text in addresses:
            if not _may(self.host, ipaddress.ip_address(text), self.allowed):
                raise DestinationError(f"Webhook host '{self.host}' resolved to disallowed address {text}")
        return addresses


def destination(url: str, allowed: Allowed) -> Destination:
    """Look at a URL without asking the network anything.

    Raises:
        DestinationError: it is none that may be sent to.
    """
    parts, host, port = _parse(url)
    if parts.scheme not in _PORTS:
        raise DestinationError(f"Webhook URL scheme must be http or https, got '{parts.scheme or 'empty'}'")
    if not host:
        raise DestinationError("Webhook URL must include a host")
    literal = _literal(host)
    local = host == "localhost" or host.endswith(".localhost")
    if (literal is not None and not _may(host, literal, allowed)) or (local and host not in allowed.hosts):
        raise DestinationError(
            f"Webhook URL host '{host}' targets a private/loopback/link-local address, "
            "which is not an allowed destination"
        )
    return Destination(parts.scheme, host, port or _PORTS[parts.scheme], parts.path or "/", parts.query, allowed)


def _parse(url: str) -> tuple[SplitResult, str, int | None]:
    if any(ord(letter) <= 0x20 or ord(letter) == 0x7F or letter == "\\" for letter in url):
        raise DestinationError("Invalid webhook URL: contains non-printable characters")
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        port = parts.port
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
        url.encode("utf-8")
    except ValueError as error:
        raise DestinationError(f"Invalid webhook URL: {error}") from error
    return parts, host, port


def _literal(host: str) -> Address | None:
    """The address that a host is, also in the spellings that only the operating system knows, such as `0x7f.1`."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _may(host: str, address: Address, allowed: Allowed) -> bool:
    return allowed.has(host, address) or _is_public(address)


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return _is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
