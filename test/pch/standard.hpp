// SPDX-License-Identifier: MIT

/// @file
/// What headers of the library include of the standard's, compiled once.

#include <concepts>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>
