"""The net load of each house over the coming hours: the survival blend, and the horizon it is told in. Pure."""
