// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Values whose type the library's compiled part does not know.

#include <cstddef>
#include <new>
#include <utility>

namespace motet::detail {

/// What has to be known of a type to keep its values and to pass them on.
struct value_kind {
  std::size_t size;
  std::size_t alignment;
  void (*move)(void* to, void* from);  ///< Makes one at `to`; `from` is still to destroy.
  void (*destroy)(void* value) noexcept;
};

template <class T>
inline constexpr value_kind kind_of{
    sizeof(T), alignof(T),
    [](void* to, void* from) { ::new (to) T(std::move(*static_cast<T*>(from))); },
    [](void* value) noexcept { static_cast<T*>(value)->~T(); }};

/// Room for a value that somebody may put there.
template <class T>
class value_slot {
 public:
  value_slot() noexcept {}  // NOLINT(modernize-use-equals-default): deleted, then
  value_slot(const value_slot&) = delete;
  value_slot& operator=(const value_slot&) = delete;
  ~value_slot() {}  // NOLINT(modernize-use-equals-default): deleted, then

  [[nodiscard]] void* room() noexcept { return &value_; }
  /// Takes out what was put there.
  [[nodiscard]] T take() {
    const end over{value_};
    return std::move(value_);
  }

 private:
  struct end {  // NOLINT(cppcoreguidelines-special-member-functions)
    T& value;
    ~end() { value.~T(); }
  };

  union {
    T value_;
  };
};

struct value_block;  // lib/sync/value_queue.hpp: room for some values

/// Values, oldest first. They lie in blocks, so that none has to move when there are more
/// of them; a queue that does not grow beyond two blocks allocates nothing more.
class value_queue {
 public:
  /// @param most how many there will ever be.
  constexpr value_queue(const value_kind& kind, std::size_t most) noexcept
      : kind_(&kind), per_block_(fitting(most, block_size / kind.size)) {}
  value_queue(const value_queue&) = delete;
  value_queue& operator=(const value_queue&) = delete;
  ~value_queue();

  [[nodiscard]] const value_kind& kind() const noexcept { return *kind_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  // lib/sync/value_queue.hpp, for the library only.

  /// Whether `push` needs no other block; whether that holds once the first is gone.
  [[nodiscard]] bool has_room() const noexcept;
  [[nodiscard]] bool has_room_after_pop() const noexcept;
  /// Moves a value in, behind all others. There is room. If it throws, nothing changes.
  void push(void* from);
  [[nodiscard]] void* front() noexcept;
  /// Destroys the first. @returns a block to be freed, if one is not needed any more.
  [[nodiscard]] value_block* pop() noexcept;

  [[nodiscard]] value_block* make_block() const;
  /// Makes room of a new block. @returns it, to be freed, if it is not needed.
  [[nodiscard]] value_block* adopt(value_block* block) noexcept;

 private:
  static constexpr std::size_t block_size = 1024;
  static constexpr std::size_t fitting(std::size_t most, std::size_t room) noexcept {
    if (most == 0) return 1;
    if (room < 4) room = 4;
    return most < room ? most : room;
  }

  [[nodiscard]] std::size_t first_offset() const noexcept;
  [[nodiscard]] void* at(value_block& block, std::size_t index) const noexcept;

  const value_kind* kind_;
  std::size_t per_block_;
  std::size_t size_ = 0;
  value_block* first_ = nullptr;
  value_block* last_ = nullptr;
  value_block* spare_ = nullptr;
};

}  // namespace motet::detail
