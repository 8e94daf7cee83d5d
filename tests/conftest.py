"""What holds for every test: no property fails because the machine is busy."""

from hypothesis import settings

settings.register_profile("v2xum", deadline=None)
settings.load_profile("v2xum")
