// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A certificate for trying things out, which nobody believes who was not told to.

#include <string>

namespace examples {

/// Makes a key, and a certificate for `host` that it signs itself, good for a day. Both
/// go into one new file, as PEM. @throws tls_error.
void write_self_signed(const std::string& file, const std::string& host);

}  // namespace examples
