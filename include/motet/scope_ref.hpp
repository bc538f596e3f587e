// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Names of scopes, for those who may outlive them.

#include <motet/call_site.hpp>
#include <motet/cancel.hpp>
#include <motet/fiber_ref.hpp>

#include <cstdint>
#include <string_view>
#include <utility>

namespace motet {

class scope;

namespace detail {
class token_link;
}

/// Names a scope without keeping it open: does nothing once it has been left.
class scope_ref {
 public:
  scope_ref() = default;

  /// Asks the scope to stop. Never parks.
  /// @returns whether that changed anything: false once it has been left.
  bool cancel(std::string_view why = {}, call_site where = call_site::here()) const;

 private:
  friend class scope;
  friend class detail::token_link;
  bool cancel_as(cancel_kind kind, std::string_view why, call_site where) const;
  scope_ref(fiber_ref fiber, std::uint64_t id) noexcept
      : fiber_(std::move(fiber)), id_(id) {}

  fiber_ref fiber_;
  std::uint64_t id_ = 0;
};

}  // namespace motet
