"""The channels that a configuration asks for. A channel that is not configured is not even imported."""

from __future__ import annotations

from edge_balancer.alerts.channels.channel import Channel
from edge_balancer.settings.channels import ChannelsSettings


def build(settings: ChannelsSettings) -> dict[str, Channel]:
    """Name -> channel. Opens no line and no connection: that is for the first message.

    Raises MissingPackageError where a channel's package is not installed.
    """
    channels: list[Channel] = []
    if settings.twilio.in_use:
        from edge_balancer.alerts.channels.twilio import TwilioChannel

        channels.append(TwilioChannel(settings.twilio))
    if settings.modem.in_use:
        from edge_balancer.alerts.channels.modem.channel import ModemChannel

        channels.append(ModemChannel(settings.modem))
    if settings.email.in_use:
        from edge_balancer.alerts.channels.email import EmailChannel

        channels.append(EmailChannel(settings.email))
    if settings.webhook.in_use:
        from edge_balancer.alerts.channels.webhook import WebhookChannel

        channels.append(WebhookChannel(settings.webhook))
    if settings.apprise.in_use:
        from edge_balancer.alerts.channels.apprise import AppriseChannel

        channels.append(AppriseChannel(settings.apprise))
    return {channel.name: channel for channel in channels}
