// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Where bytes go to: anything that can `write`.

#include <motet/call_site.hpp>

#include <cstddef>
#include <span>

namespace motet::detail {

using byte_pieces = std::span<const std::span<const std::byte>>;

/// Writes all of a span.
template <class S>
concept writable = requires(S& to, std::span<const std::byte> data) {
  to.write(data);
};

/// Says how far it came, in a `std::size_t&`.
template <class S>
concept tells_progress = requires(S& to, std::span<const std::byte> data,
                                  std::size_t& done) {
  to.write(data, done);
};

/// Refers to a sink that outlives it.
class byte_sink {
 public:
  template <writable S>
  explicit byte_sink(S& to) noexcept
      : to_(std::addressof(to)),
        write_(&write_to<S>),
        tells_progress_(motet::detail::tells_progress<S>) {}

  /// Writes all of the pieces. `done` counts the bytes, whatever is thrown; those of a
  /// piece that was cut short only if the sink tells.
  void write(byte_pieces pieces, std::size_t& done, call_site where);
  void write(std::span<const std::byte> data, std::size_t& done, call_site where);
  [[nodiscard]] bool tells_progress() const noexcept { return tells_progress_; }

 private:
  template <class S>
  static void write_to(void* to, byte_pieces pieces, std::size_t& done, call_site where) {
    S& sink = *static_cast<S*>(to);
    if constexpr (requires { sink.write(pieces, done, where); }) {
      sink.write(pieces, done, where);
    } else {
      for (std::size_t i = 0; i < pieces.size(); ++i)
        write_piece(sink, pieces[i], done, where);
    }
  }

  template <class S>
  static void write_piece(S& sink, std::span<const std::byte> piece, std::size_t& done,
                          call_site where) {
    const counted part(done);
    if constexpr (requires { sink.write(piece, part.done, where); }) {
      sink.write(piece, part.done, where);
    } else if constexpr (motet::detail::tells_progress<S>) {
      sink.write(piece, part.done);
    } else {
      sink.write(piece);
      part.done = piece.size();
    }
  }

  /// Adds up, whatever is thrown.
  struct counted {
    explicit counted(std::size_t& all) noexcept : sum(all) {}
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { sum += done; }

    std::size_t& sum;
    mutable std::size_t done = 0;
  };

  void* to_;
  void (*write_)(void*, byte_pieces, std::size_t&, call_site);
  bool tells_progress_;
};

}  // namespace motet::detail
