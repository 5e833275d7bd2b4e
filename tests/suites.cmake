# SPDX-License-Identifier: Apache-2.0
# The suites that run the tools.
dumpio_script(matrix_shipped "sanitize" matrix/matrix.py --shipped)
dumpio_script(matrix_threads "threads" matrix/matrix.py --threads)
dumpio_script(cli "sanitize" cli/cli.sh)
dumpio_script(matrix_real "full" matrix/matrix.py --real)
