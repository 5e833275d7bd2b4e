/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of nobody, made for the fuzz target of the age format, so that inputs in the corpus can be
 * decrypted: one of each kind.
 */
#ifndef FUZZ_AGE_KEYS_H
#define FUZZ_AGE_KEYS_H

static const char age_identity[] =
    "AGE-SECRET-KEY-104H62TWTDFC9UCYDA20XRW34UHDFHNDRMQPPWSEJGQKJESUPDK9SRWTQT7";
static const char age_recipient[] =
    "age1jkmpkx0p9gk9av59yjep48m76893jystwcqffsmppe4e2rsae9qsv3nfj9";

static const char ssh_ed25519_identity[] =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
    "QyNTUxOQAAACDHLA/0j3dijLkLkUYq4wMBNFrJUEUr8yJ9a0VXF8pz+QAAAIj3eo3D93qN\n"
    "wwAAAAtzc2gtZWQyNTUxOQAAACDHLA/0j3dijLkLkUYq4wMBNFrJUEUr8yJ9a0VXF8pz+Q\n"
    "AAAECpP+RsLjKsjfKOrjgIyYqyD0Hro+zqSwDffQNm0WCQNMcsD/SPd2KMuQuRRirjAwE0\n"
    "WslQRSvzIn1rRVcXynP5AAAABGZ1enoB\n"
    "-----END OPENSSH PRIVATE KEY-----\n";
static const char ssh_ed25519_recipient[] =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMcsD/SPd2KMuQuRRirjAwE0WslQRSvzIn1rRVcXynP5";

static const char ssh_rsa_identity[] =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAABFwAAAAdzc2gtcn\n"
    "NhAAAAAwEAAQAAAQEA4VNYZjmUZLHailFevGXCQMqqfiCt/LXV2RaU1iI+SynqW9vYqi+H\n"
    "/25LJO6RJ7p+GoBtIQTfnxR5pcDpy0EurSUx3xGZSe5DSUKiQaQrqvVOOw/lf4JygCvRMF\n"
    "Ty1s7edBl9ebIqXaSOF6atWLQAUGhvi+gozpuPJqWkeKKWafXuwALYcuV0U8RGFz9AdRyT\n"
    "zCIYBlI5l7PsO2Pn53XNolOAPki3bQ/oMUbobmMbCFaW8b0SBZ9WI1zzMwx3lJNDYQea1d\n"
    "17C87gMNKWNDhrbEg7SlnMud/SKr+/2Aa0kWzWR21hKolNd4w2LmaBeU6vNiZPyySA1K1b\n"
    "qNL0LPjnHQAAA8DIn43EyJ+NxAAAAAdzc2gtcnNhAAABAQDhU1hmOZRksdqKUV68ZcJAyq\n"
    "p+IK38tdXZFpTWIj5LKepb29iqL4f/bksk7pEnun4agG0hBN+fFHmlwOnLQS6tJTHfEZlJ\n"
    "7kNJQqJBpCuq9U47D+V/gnKAK9EwVPLWzt50GX15sipdpI4Xpq1YtABQaG+L6CjOm48mpa\n"
    "R4opZp9e7AAthy5XRTxEYXP0B1HJPMIhgGUjmXs+w7Y+fndc2iU4A+SLdtD+gxRuhuYxsI\n"
    "VpbxvRIFn1YjXPMzDHeUk0NhB5rV3XsLzuAw0pY0OGtsSDtKWcy539Iqv7/YBrSRbNZHbW\n"
    "EqiU13jDYuZoF5Tq82Jk/LJIDUrVuo0vQs+OcdAAAAAwEAAQAAAQAPyBogwsypcX7d1uLR\n"
    "7YtO+sLj5Z8PXEms6Z96u1hDRHLKhJnmxZXQEVCzDACKWKNcxieekJb8Wd9GpD3bw2YlBh\n"
    "NkTSPANq9rcf7SUSYmfwWVLmuuZBu9Qr8P6bXpJKvA/vNiXX+zzQLkwNhS+6cqpT3sKH0J\n"
    "3NcIZ8FJb73QOvdGsbwTlQfYAcGJGkQuA7O+W1M9HH95vVhEvRaJuhIDqDcidzyj+jJeKk\n"
    "29D31+0+A5yvYZziRf/HEGlmu2x10qRUURZehy0LyxUQmDpWbdGvHq9ggZlVKMLUFG3mpm\n"
    "8gRGfBifBhitLFPnEHvEmRcptoeMq051j6mP4miaMgVTAAAAgQCRJVW3d7GKJqMRzC5xnP\n"
    "mUyHH5LEhdOWVTn63fk16FXK9hQDx6HIuXOKTx0BaJwpVrRYEo7i2ppR/H+lgS8hDwXRgX\n"
    "KhVpU06/IiyC+jTD1DmTyQsrjmXSQrIathKUAnLtUxD+/GrkzawOzVLtLCK2XPbRhh+tbS\n"
    "XmuCf9dISgsQAAAIEA9E8rHHNYejgK9Eh/A9n35Vu2YzNVy8Ko7UCYOLVnQYk63/vtKr7F\n"
    "eRA9NsiY4V64PQTL72grhH7e+wck5ezhrjixlcf0FbItS0srqNryqayFtnQnO6Z2c+5bJC\n"
    "chHgMc/G2DJgZMGIM4VBEwUhpYReuqX+l8KBvARi4VYjNwWD8AAACBAOwbn5g7KhIPXW8O\n"
    "7U2JG5qqNvNY8e4L81uXvCx8rEO9lMQjU/fORCGa725Ub0JMeArqfKJ75tP8sgpoOWyvow\n"
    "LHLTQ/BQ7KLUK5ZzogXMo1E4tNWL0jW3SEQZO31GLYUNex1PBkU65MRQZ26F/suQUzmQtb\n"
    "POx32kqW/YgNCYmjAAAABGZ1enoBAgMEBQY=\n"
    "-----END OPENSSH PRIVATE KEY-----\n";
static const char ssh_rsa_recipient[] =
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDhU1hmOZRksdqKUV68ZcJAyqp+IK38tdXZFpTWIj5L"
    "Kepb29iqL4f/bksk7pEnun4agG0hBN+fFHmlwOnLQS6tJTHfEZlJ7kNJQqJBpCuq9U47D+V/gnKAK9Ew"
    "VPLWzt50GX15sipdpI4Xpq1YtABQaG+L6CjOm48mpaR4opZp9e7AAthy5XRTxEYXP0B1HJPMIhgGUjmX"
    "s+w7Y+fndc2iU4A+SLdtD+gxRuhuYxsIVpbxvRIFn1YjXPMzDHeUk0NhB5rV3XsLzuAw0pY0OGtsSDtK"
    "Wcy539Iqv7/YBrSRbNZHbWEqiU13jDYuZoF5Tq82Jk/LJIDUrVuo0vQs+Ocd";

#endif
