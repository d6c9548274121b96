"""Text that can be stored."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from threadline.session.checks import clean_text

#: What no storage keeps faithfully in it, lone surrogates and NUL, becomes U+FFFD.
Text = Annotated[str, AfterValidator(clean_text)]
