// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Something that a test does between two turns, where no fiber runs.

#include "lib/core/remote_queue.hpp"
#include "lib/core/scheduler.hpp"

#include <functional>
#include <utility>

namespace motet::testing {

/// Same thread only. Not destroyed while it is to be done.
class between_turns : motet::detail::remote_task {
 public:
  explicit between_turns(std::function<void()> what) : what_(std::move(what)) {
    run = [](remote_task& self) noexcept {
      auto& mine = static_cast<between_turns&>(self);
      mine.to_be_done_ = false;
      // What is left when the scheduler ends is not done any more.
      if (motet::detail::this_scheduler != nullptr) mine.what_();
    };
  }
  between_turns(const between_turns&) = delete;
  between_turns& operator=(const between_turns&) = delete;
  ~between_turns() = default;

  /// Has it done once, before any fiber runs that is not at a point now.
  void soon() noexcept {
    if (std::exchange(to_be_done_, true)) return;
    motet::detail::this_scheduler->door().post(*this);
  }

 private:
  std::function<void()> what_;
  bool to_be_done_ = false;
};

}  // namespace motet::testing
