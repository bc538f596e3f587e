// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A backend that does nothing but tell the time and count who wakes it.

#include "backend/backend.hpp"
#include "lib/core/time_source.hpp"

#include <atomic>
#include <cerrno>

namespace motet::detail {

class stub_backend final : public backend {
 public:
  void submit(operation&) noexcept override {}
  void cancel(operation&) noexcept override {}
  [[nodiscard]] operation* poll(time_point) noexcept override { return nullptr; }
  void wake() noexcept override { wakes.fetch_add(1); }
  [[nodiscard]] std::int32_t answer(const call&) noexcept override { return -ENOSYS; }
  [[nodiscard]] time_point now() const noexcept override { return machine_time(); }
  [[nodiscard]] std::size_t in_flight() const noexcept override { return 0; }
  [[nodiscard]] const char* name() const noexcept override { return "stub"; }

  std::atomic<int> wakes{0};
};

}  // namespace motet::detail
