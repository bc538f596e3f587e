// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The one owner of something on the heap. It does what std::unique_ptr does, of which
/// <memory> makes a long story: docs/rationale.md says what that costs.

#include <cstddef>
#include <utility>

namespace motet::detail {

/// @tparam end what is done with it at last, if not `delete`.
template <class T, void (*end)(T*) noexcept = nullptr>
class owner {
 public:
  owner() = default;
  explicit owner(T* object) noexcept : object_(object) {}
  owner(std::nullptr_t) noexcept {}  // NOLINT(google-explicit-constructor)
  owner(owner&& from) noexcept : object_(from.release()) {}
  /// Of what is derived from it.
  template <class U>
  // NOLINTNEXTLINE(google-explicit-constructor): as pointers do
  owner(owner<U>&& from) noexcept : object_(from.release()) {}
  owner& operator=(owner&& from) noexcept {
    reset(from.release());
    return *this;
  }
  owner(const owner&) = delete;
  owner& operator=(const owner&) = delete;
  ~owner() { reset(); }

  [[nodiscard]] T* get() const noexcept { return object_; }
  [[nodiscard]] T* operator->() const noexcept { return object_; }
  [[nodiscard]] T& operator*() const noexcept { return *object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }

  [[nodiscard]] T* release() noexcept { return std::exchange(object_, nullptr); }
  void reset(T* other = nullptr) noexcept {
    T* const old = std::exchange(object_, other);
    if (old == nullptr) return;
    if constexpr (end == nullptr) {
      delete old;
    } else {
      end(old);
    }
  }

 private:
  T* object_ = nullptr;
};

/// Bytes, not initialised.
class byte_room {
 public:
  byte_room() = default;
  explicit byte_room(std::size_t size) : bytes_(new std::byte[size]) {}
  byte_room(byte_room&& from) noexcept : bytes_(std::exchange(from.bytes_, nullptr)) {}
  byte_room& operator=(byte_room&& from) noexcept {
    std::swap(bytes_, from.bytes_);
    return *this;
  }
  byte_room(const byte_room&) = delete;
  byte_room& operator=(const byte_room&) = delete;
  ~byte_room() { delete[] bytes_; }

  [[nodiscard]] std::byte* get() const noexcept { return bytes_; }
  explicit operator bool() const noexcept { return bytes_ != nullptr; }

 private:
  std::byte* bytes_ = nullptr;
};

}  // namespace motet::detail
