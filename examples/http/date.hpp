// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The date as HTTP has it.

#include <string_view>

namespace http {

/// "Sun, 06 Nov 1994 08:49:37 GMT". Written once a second; good until the next call.
std::string_view date_now();

}  // namespace http
