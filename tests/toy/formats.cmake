# SPDX-License-Identifier: Apache-2.0
# The line of a new format; built in by -DDUMPIO_EXTRA_FORMATS=.../tests/toy.
dumpio_format(toy SOURCES toy.c)
