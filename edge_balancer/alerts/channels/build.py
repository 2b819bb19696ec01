"""The channels that a configuration asks for. A channel that is not configured is not even imported."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping

from edge_balancer.alerts.channels.channel import Channel
from edge_balancer.alerts.channels.optional import MissingPackageError
from edge_balancer.settings.channels import ChannelsSettings


def build(settings: ChannelsSettings, missing: MutableMapping[str, str] | None = None) -> dict[str, Channel]:
    """Name -> channel. Opens no line and no connection: that is for the first message.

    A channel whose package is not installed is left out, and stands in `missing` with the reason; without `missing`
    it raises MissingPackageError.
    """
    makers: dict[str, tuple[bool, Callable[[ChannelsSettings], Channel]]] = {
        "twilio": (settings.twilio.in_use, _twilio),
        "modem": (settings.modem.in_use, _modem),
        "email": (settings.email.in_use, _email),
        "webhook": (settings.webhook.in_use, _webhook),
        "apprise": (settings.apprise.in_use, _apprise),
    }
    channels: dict[str, Channel] = {}
    for name, (in_use, make) in makers.items():
        if not in_use:
            continue
        try:
            channels[name] = make(settings)
        except MissingPackageError as error:
            if missing is None:
                raise
            missing[name] = str(error)
    return channels


def _twilio(settings: ChannelsSettings) -> Channel:
    from edge_balancer.alerts.channels.twilio import TwilioChannel

    return TwilioChannel(settings.twilio)


def _modem(settings: ChannelsSettings) -> Channel:
    from edge_balancer.alerts.channels.modem.channel import ModemChannel

    return ModemChannel(settings.modem)


def _email(settings: ChannelsSettings) -> Channel:
    from edge_balancer.alerts.channels.email import EmailChannel

    return EmailChannel(settings.email)


def _webhook(settings: ChannelsSettings) -> Channel:
    from edge_balancer.alerts.channels.webhook import WebhookChannel

    return WebhookChannel(settings.webhook)


def _apprise(settings: ChannelsSettings) -> Channel:
    from edge_balancer.alerts.channels.apprise import AppriseChannel

    return AppriseChannel(settings.apprise)
