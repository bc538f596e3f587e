// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Waiting for something that only the thread of another fiber may look at.

#include "lib/core/fiber_state.hpp"
#include "lib/core/remote_queue.hpp"

namespace motet::detail {

/// A task goes to the target's thread, and another comes back when what it is for is
/// over; a third may be sent after it, to call it off. Nothing is allocated: the tasks
/// are part of the errand, whose fiber stays parked until it is back.
class errand {
 public:
  explicit errand(fiber_state& target) noexcept;
  errand(const errand&) = delete;
  errand& operator=(const errand&) = delete;

  /// Sets out.
  void go() noexcept;
  /// Has it come back soon, undone if that is still possible.
  void call_off() noexcept;

  [[nodiscard]] fiber_state& target() const noexcept { return target_; }

 protected:
  virtual ~errand() = default;

  /// Begins, on the target's thread; or, if its scheduler has ended since, on any. Sees
  /// to it that `done` is called, now or later.
  virtual void begin() noexcept = 0;
  /// Undoes it, on the same thread. @returns whether that was possible: then `done` is
  /// not called any more.
  [[nodiscard]] virtual bool undo() noexcept = 0;
  /// It is back, on its own thread. Called once; nothing of it is elsewhere any more.
  virtual void back() noexcept = 0;

  /// To be called where `begin` was, once.
  void done() noexcept { send_home(done_); }

 private:
  struct step : remote_task {
    errand* of = nullptr;
  };

  void send_home(step& with) noexcept;
  void come_home() noexcept;

  fiber_state& target_;
  remote_queue& home_;
  step begin_, undo_, done_, answer_;
  bool over_ = false;         ///< Done, or undone.
  bool calling_off_ = false;  ///< The answer to that is not here yet.
};

}  // namespace motet::detail
