"""What people look at: pages, figures, model cards."""

import logging

# Matplotlib warns of a home folder that cannot be written, and while it looks for fonts.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
