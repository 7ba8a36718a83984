# Starts wstest. Where pyOpenSSL did not install, the suite's unconditional import
# of twisted.internet.ssl is answered with an empty stand-in: only wss needs more.
import sys
import types

import twisted.internet

try:
    import twisted.internet.ssl
except ImportError:
    module = types.ModuleType("twisted.internet.ssl")
    module.ClientContextFactory = lambda: None
    sys.modules["twisted.internet.ssl"] = twisted.internet.ssl = module

from autobahntestsuite.wstest import run

sys.exit(run())
