// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What a descriptor brings by itself: connections, or bytes, ahead of who asks for them.
///
/// A loop that takes them has the kernel bring one after another. When it is left, it
/// waits until the kernel has let go: what came and was not taken stays with the
/// descriptor, for whoever reads or accepts next.

#include "backend/multishot.hpp"
#include "lib/io/perform.hpp"

#include <motet/detail/descriptor.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace motet::detail {

/// Same thread only. Held by its descriptor, until that is closed, and by loops.
class intake {
 public:
  /// What came: `result` is as of the request; bytes are in `block`, to be given back.
  struct item {
    std::int32_t result = 0;
    std::byte* block = nullptr;
    std::span<const std::byte> bytes;
  };

  intake(multishot_kind kind, int fd) noexcept : from_(kind, fd), fd_(fd) {}
  intake(const intake&) = delete;
  intake& operator=(const intake&) = delete;

  /// Waits for what comes next. Cancellation point.
  item next(const char* what, io_wait*& slot, call_site where);
  /// As a receive into `into`. Cancellation point.
  std::int32_t receive(std::span<std::byte> into, io_wait*& slot, call_site where);

  /// Whether nothing is left of it, and nothing will come.
  [[nodiscard]] bool over() const noexcept {
    return loops_ == 0 && rest_.result == 0 && from_.arrived.empty();
  }

  void hold() noexcept { ++holders_; }
  void let_go() noexcept;
  void join_loop() noexcept { ++loops_; }
  /// Parks until the kernel has let go, if this was the last loop.
  void leave_loop() noexcept;
  /// Asks the kernel to bring no more until `next` is called.
  void pause() noexcept;

 private:
  ~intake();

  multishot from_;
  const int fd_;
  unsigned holders_ = 0;
  unsigned loops_ = 0;
  item rest_;  ///< Bytes of which a part was taken.
};

/// As long as it lives, `from` brings by itself.
class intake_loop {
 public:
  /// Throws `std::bad_alloc`.
  intake_loop(descriptor& from, multishot_kind kind);
  intake_loop(const intake_loop&) = delete;
  intake_loop& operator=(const intake_loop&) = delete;
  ~intake_loop();

  /// The bytes that come next; those before are gone. Nothing at the end. Cancellation
  /// point.
  std::span<const std::byte> next_bytes(std::int32_t& result, call_site where);
  void pause() noexcept { intake_.pause(); }

 private:
  descriptor& from_;
  intake& intake_;
  std::byte* block_ = nullptr;
};

/// Takes of what `from` has brought by itself. Nothing if it is to be asked as usual.
/// Cancellation point.
std::optional<std::int32_t> receive_ahead(descriptor& from, std::span<std::byte> into,
                                          call_site where);
std::optional<std::int32_t> accept_ahead(descriptor& from, const char* what,
                                         call_site where);

}  // namespace motet::detail
