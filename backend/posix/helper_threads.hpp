// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Threads that wait for disks, for backends that are told of readiness: files are always
/// ready, and keep their readers waiting all the same.

#include "backend/backend.hpp"

#include <cstddef>
#include <memory>

namespace motet {

/// A handful of threads, started when there is work for them; signals never reach them.
/// Same thread only. To be destroyed with nothing in flight.
class helper_threads {
 public:
  /// @param woken its `wake` is called, on those threads, when there is something to
  /// take.
  explicit helper_threads(backend& woken) noexcept;
  helper_threads(const helper_threads&) = delete;
  helper_threads& operator=(const helper_threads&) = delete;
  ~helper_threads();

  /// Has `op`, which is `on_disk`, done by one of the threads. @returns whether there is
  /// any: the system may have none left.
  [[nodiscard]] bool start(operation& op) noexcept;

  /// @returns whether `op` had not begun, and is the caller's again. If not,
  /// `take_finished` returns it, if it has not done so already.
  [[nodiscard]] bool withdraw(operation& op) noexcept;

  /// @returns what is done, oldest first, linked; the results are in there.
  [[nodiscard]] operation* take_finished() noexcept;

  /// To be said before `fd` is closed: what has not begun gets a descriptor of its own,
  /// and what has is waited for.
  void let_close(int fd) noexcept;

 private:
  class pool;

  backend& woken_;
  std::unique_ptr<pool> pool_;
};

}  // namespace motet
