// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Answers on their way to a client.

#include <motet/stream.hpp>
#include <motet/time.hpp>

#include <string_view>

namespace key_value {

/// Writes all of it. A request to stop waits until that is done.
/// @throws std::system_error if the client goes, or takes nothing for `patience`.
/// Parks in a shield.
void write_patiently(motet::stream& peer, std::string_view bytes,
                     motet::duration patience);

}  // namespace key_value
