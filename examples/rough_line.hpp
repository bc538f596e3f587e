// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A line that delays, splits and cuts what goes over it, as its seed decides: for the
/// forwarder, and for tests of what lies at both ends.

#include <motet/motet.hpp>

#include <algorithm>
#include <cstddef>
#include <random>
#include <span>
#include <system_error>
#include <utility>

#include <sys/socket.h>

namespace examples {

struct roughness {
  motet::duration delay = {};  ///< What each piece waits at most.
  std::size_t piece = 0;       ///< How many bytes go at a time at most; 0: all.
  std::size_t cut_after = 0;   ///< Connections are reset within so many bytes; 0: never.
  int refuse = 0;              ///< How many connections of a hundred are refused.

  [[nodiscard]] bool is_smooth() const {
    return delay <= motet::duration::zero() && piece == 0 && cut_after == 0;
  }
};

/// Closes so that the other side is told of a reset.
inline void reset(motet::stream& peer) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(peer.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  peer.close();
}

/// Decides what happens. Many connections share one.
class dice {
 public:
  explicit dice(unsigned seed) : random_(seed) {}

  /// 0 to `most`.
  std::size_t up_to(std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(0, most)(random_);
  }
  motet::duration up_to(motet::duration most) {
    return motet::duration(
        static_cast<motet::duration::rep>(up_to(static_cast<std::size_t>(most.count()))));
  }

 private:
  std::mt19937 random_;
};

/// A connection was cut on purpose.
class cut_on_purpose : public std::system_error {
 public:
  cut_on_purpose()
      : std::system_error(std::make_error_code(std::errc::connection_reset), "cut") {}
};

/// What both directions of one connection share.
class rough_line {
 public:
  rough_line(const roughness& how, dice& luck)
      : how_(how), luck_(luck), left_(1 + luck.up_to(how.cut_after)) {}

  /// Lets the next bytes through. @returns how many.
  std::size_t let_through(std::size_t size) {
    if (how_.delay > motet::duration::zero()) motet::sleep(luck_.up_to(how_.delay));
    if (how_.piece != 0) size = std::min(size, 1 + luck_.up_to(how_.piece - 1));
    if (how_.cut_after == 0) return size;
    if (left_ == 0 && !std::exchange(was_cut_, true)) throw cut_on_purpose();
    if (left_ == 0) return size;
    size = std::min(size, left_);
    left_ -= size;
    return size;
  }

  /// Both directions are; one of them has said so.
  [[nodiscard]] bool was_cut() const { return was_cut_; }

 private:
  const roughness& how_;
  dice& luck_;
  std::size_t left_;
  bool was_cut_ = false;
};

/// One end of it: something to copy from and to.
class rough_end {
 public:
  rough_end(motet::stream& peer, rough_line& line) : peer_(peer), line_(line) {}

  std::span<std::byte> read(std::span<std::byte> into) { return peer_.read(into); }
  void write(std::span<const std::byte> data, std::size_t& done) {
    for (done = 0; done < data.size();) {
      std::size_t more = 0;
      const std::size_t size = line_.let_through(data.size() - done);
      if (line_.was_cut()) return lose(data, done);
      try {
        peer_.write(data.subspan(done, size), more);
      } catch (...) {
        done += more;
        throw;
      }
      done += more;
    }
  }
  void write(std::span<const std::byte> data) {
    std::size_t done = 0;
    write(data, done);
  }
  void shutdown_send() {
    if (!line_.was_cut()) peer_.shutdown_send();
  }

 private:
  static void lose(std::span<const std::byte> data, std::size_t& done) {
    done = data.size();
  }

  motet::stream& peer_;
  rough_line& line_;
};

/// Copies in both directions, over such a line; resets both when it is cut.
inline void copy_roughly(motet::stream& a, motet::stream& b, const roughness& how,
                         dice& luck, const motet::copy_options& options = {}) try {
  if (how.is_smooth()) {
    motet::copy_both(a, b, options);
    return;
  }
  rough_line line(how, luck);
  rough_end one(a, line);
  rough_end other(b, line);
  motet::copy_both(one, other, options);
} catch (const cut_on_purpose&) {
  reset(a);
  reset(b);
}

}  // namespace examples
