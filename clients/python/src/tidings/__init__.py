"""The client of Tidings: post events, look at deliveries, verify what arrives."""

from .client import FieldProblem, ProblemError, Tidings
from .webhooks import VerificationError, Verifier, Webhook

__all__ = ["FieldProblem", "ProblemError", "Tidings", "VerificationError", "Verifier", "Webhook"]
__version__ = "0.1.0"
