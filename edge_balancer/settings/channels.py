"""The ways by which alerts leave the house: SMS, email, webhook, Apprise.

Who is told over which of them is in `contacts`. Secrets never stand in the file: they come from the environment or as
systemd credentials, which `channel_rules` sees to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

from pydantic import Field, SecretStr

from firmware_bridge.settings.base import Finding, Section

_NUMBER: Final = re.compile(r"\+[1-9]\d{5,14}")
_ACCOUNT: Final = re.compile(r"AC[0-9a-fA-F]{32}")
_API_KEY: Final = re.compile(r"SK[0-9a-fA-F]{32}")
_SERVICE: Final = re.compile(r"MG[0-9a-fA-F]{32}")
_SENDER_NAME: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_ADDRESS: Final = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")
_DIGITS: Final = "a number with + and the country's code, such as +4915112345678"


class TwilioSettings(Section):
    """SMS by Twilio; in use as soon as `account_sid` is given."""

    account_sid: str = ""
    """The account, AC and 32 hexadecimal digits, as Twilio's console shows it; empty: this channel is not used."""
    api_key_sid: str = ""
    """An API key of the account (SK and 32 hexadecimal digits), which can be withdrawn by itself; `auth_token` is then
    this key's secret. Empty: the account's own token."""
    auth_token: SecretStr = SecretStr("")
    """The account's token, or the API key's secret. Never in this file: `EDGE_BALANCER_CHANNELS__TWILIO__AUTH_TOKEN`
    or the systemd credential `channels.twilio.auth_token`."""
    from_number: str = ""
    """The number that sends, such as +4915112345678, or a sender's name that Twilio has granted."""
    messaging_service_sid: str = ""
    """A messaging service (MG and 32 hexadecimal digits) that chooses the number; instead of `from_number`."""
    region: str = ""
    """Twilio's region that keeps the account's data, such as ie1; empty for us1."""
    edge: str = ""
    """Twilio's edge that is spoken to, such as dublin; needed with a region."""
    most_sms: int = Field(default=2, ge=1, le=10)
    """Most SMS that one message may take; a longer text is shortened."""
    timeout_s: float = Field(default=15.0, ge=1, le=120)
    """Longest wait for Twilio's answer."""

    @property
    def in_use(self) -> bool:
        return bool(self.account_sid)

    def contradictions(self) -> Iterator[Finding]:
        forms = (
            ("account_sid", _ACCOUNT, "AC and 32 hexadecimal digits"),
            ("api_key_sid", _API_KEY, "SK and 32 hexadecimal digits"),
            ("messaging_service_sid", _SERVICE, "MG and 32 hexadecimal digits"),
        )
        for name, form, told in forms:
            value = getattr(self, name)
            if value and not form.fullmatch(value):
                yield Finding((name,), value, f"is not of the form {told}", "copy it from Twilio's console")
        sender = self.from_number
        if sender and not (_NUMBER.fullmatch(sender) or _SENDER_NAME.fullmatch(sender)):
            yield Finding(("from_number",), sender, "is no number and no sender's name", f"write {_DIGITS}")
        if not self.in_use:
            return
        if bool(sender) == bool(self.messaging_service_sid):
            yield Finding(
                ("from_number",),
                sender or None,
                "stands beside messaging_service_sid" if sender else "is missing: nobody is named who sends",
                "give one of from_number and messaging_service_sid",
                involves=(("messaging_service_sid",), ("account_sid",)),
            )


class ModemSettings(Section):
    """SMS by a GSM modem on a serial line, which needs no internet; in use as soon as `port` is given."""

    port: str = ""
    """The modem's line for AT commands, such as /dev/serial/by-id/...; empty: this channel is not used."""
    baud: int = Field(default=115_200, ge=1200, le=921_600)
    """Speed of the line. Modems on USB take any."""
    pin: SecretStr = SecretStr("")
    """The SIM card's PIN, where it has one. Never in this file: `EDGE_BALANCER_CHANNELS__MODEM__PIN` or the systemd
    credential `channels.modem.pin`."""
    service_centre: str = ""
    """Number of the operator's SMS centre; empty for the one that the SIM card knows."""
    reports: bool = True
    """Whether the network is asked to report when an SMS has arrived."""
    most_sms: int = Field(default=2, ge=1, le=10)
    """Most SMS that one message may take; a longer text is shortened."""
    register_s: float = Field(default=45.0, ge=1, le=600)
    """Longest wait for the network to take the modem in."""
    send_s: float = Field(default=60.0, ge=5, le=180)
    """Longest wait for the network to take one SMS."""

    @property
    def in_use(self) -> bool:
        return bool(self.port)

    def contradictions(self) -> Iterator[Finding]:
        centre = self.service_centre
        if centre and not re.fullmatch(r"\+?\d{3,20}", centre):
            yield Finding(("service_centre",), centre, "is no number", f"write {_DIGITS}; or leave it out")
        pin = self.pin.get_secret_value()
        if pin and not re.fullmatch(r"\d{4,8}", pin):
            # The value is not shown, and neither is its length.
            yield Finding(("pin",), None, "is no PIN: four to eight digits", "give the digits alone")


class EmailSettings(Section):
    """Email by a server that takes it; in use as soon as `host` is given."""

    host: str = ""
    """Name of the server that takes the mail; empty: this channel is not used."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """Its port; 587 with `starttls`, 465 with `tls` and 25 with `none`, where not given."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted: `starttls` after it is made, `tls` from the first byte, `none` not at all."""
    user: str = ""
    """User name at the server; empty where it asks for none."""
    password: SecretStr = SecretStr("")
    """Password at the server. Never in this file: `EDGE_BALANCER_CHANNELS__EMAIL__PASSWORD` or the systemd credential
    `channels.email.password`."""
    sender: str = ""
    """The address that the mail comes from, such as edge@example.org."""
    timeout_s: float = Field(default=20.0, ge=1, le=120)
    """Longest wait for one answer of the server."""

    @property
    def in_use(self) -> bool:
        return bool(self.host)

    @property
    def tcp_port(self) -> int:
        return self.port or {"starttls": 587, "tls": 465, "none": 25}[self.security]

    def contradictions(self) -> Iterator[Finding]:
        if any(sign in self.host for sign in "/@ \0"):
            yield Finding(("host",), None, "is no host name", "give the name or address alone")
        if self.sender and not _ADDRESS.fullmatch(self.sender):
            yield Finding(("sender",), self.sender, "is no address", "write it like edge@example.org")
        if self.in_use and not self.sender:
            yield Finding(
                ("sender",), None, "is missing: mail needs a sender", "give the address", involves=(("host",),)
            )
        if self.password.get_secret_value() and not self.user:
            yield Finding(
                ("user",),
                None,
                "is missing: a password has no use without a user name",
                "give user, or remove the password",
                involves=(("password",),),
            )


class WebhookSettings(Section):
    """A POST of JSON to an address of one's own; in use as soon as `url` is given."""

    url: SecretStr = SecretStr("")
    """The address, https:// or http://, which often is a secret itself. Never in this file:
    `EDGE_BALANCER_CHANNELS__WEBHOOK__URL` or the systemd credential `channels.webhook.url`."""
    token: SecretStr = SecretStr("")
    """Sent as `Authorization: Bearer`, where given. Never in this file: `EDGE_BALANCER_CHANNELS__WEBHOOK__TOKEN` or the
    systemd credential `channels.webhook.token`."""
    signing_key: SecretStr = SecretStr("")
    """Key of the signature (HMAC-SHA256) in `Edge-Balancer-Signature`, where given. Never in this file:
    `EDGE_BALANCER_CHANNELS__WEBHOOK__SIGNING_KEY` or the systemd credential `channels.webhook.signing_key`."""
    timeout_s: float = Field(default=15.0, ge=1, le=120)
    """Longest time for one request with its answer."""

    @property
    def in_use(self) -> bool:
        return bool(self.url.get_secret_value())

    def contradictions(self) -> Iterator[Finding]:
        url = self.url.get_secret_value()
        if url and not re.fullmatch(r"https?://[^/?#@\s]+([/?][\x21-\x7e]*)?", url):
            yield Finding(
                ("url",),
                None,
                "is no address of a webhook",
                "write it like https://host/path, without user or password in it; a token has a key of its own",
            )
        if 0 < len(self.signing_key.get_secret_value()) < 16:
            yield Finding(("signing_key",), None, "is shorter than 16 characters", "make one: openssl rand -hex 32")
        token = self.token.get_secret_value()
        if token and not re.fullmatch(r"[\x21-\x7e]+", token):
            yield Finding(("token",), None, "has a character that no header may have", "give the token alone")


class AppriseSettings(Section):
    """A hundred other services by the library Apprise; in use as soon as `urls` is given. Needs the extra `apprise`."""

    urls: SecretStr = SecretStr("")
    """One address a line, `name = URL` as Apprise writes it; a contact's `to` is the name. Never in this file:
    `EDGE_BALANCER_CHANNELS__APPRISE__URLS` or the systemd credential `channels.apprise.urls`."""
    timeout_s: float = Field(default=15.0, ge=1, le=120)
    """Longest wait for a service, where its address sets none."""

    @property
    def in_use(self) -> bool:
        return bool(self.urls.get_secret_value().strip())

    @property
    def by_name(self) -> dict[str, str]:
        """Name -> URL."""
        lines = [line.partition("=") for line in self.urls.get_secret_value().splitlines() if line.strip()]
        return {name.strip(): url.strip() for name, _, url in lines if not name.strip().startswith("#")}

    def contradictions(self) -> Iterator[Finding]:
        names: set[str] = set()
        for number, line in enumerate(self.urls.get_secret_value().splitlines(), start=1):
            name, _, url = (part.strip() for part in line.partition("="))
            if not line.strip() or name.startswith("#"):
                continue
            if not name or "://" in name or "://" not in url:
                yield Finding(
                    ("urls",),
                    None,
                    f"has a line {number} that is not `name = URL`",
                    "write it like anna = ntfy://topic",
                )
            elif name in names:
                yield Finding(("urls",), None, f"has the name of line {number} twice", "give each line its own")
            names.add(name)


class ChannelsSettings(Section):
    """The ways by which alerts reach people, besides MQTT, where each stands anyhow."""

    twilio: TwilioSettings = TwilioSettings()
    modem: ModemSettings = ModemSettings()
    email: EmailSettings = EmailSettings()
    webhook: WebhookSettings = WebhookSettings()
    apprise: AppriseSettings = AppriseSettings()

    @property
    def in_use(self) -> tuple[str, ...]:
        """Names of the channels that are configured."""
        return tuple(name for name in type(self).model_fields if getattr(self, name).in_use)
