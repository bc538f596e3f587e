// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Reading from and writing to descriptors of any kind, without waiting where that is
/// possible and without changing them: others may share them. (A socket that is spliced
/// into is non-blocking meanwhile.)

#include "backend/operation.hpp"

#include <cstdint>
#include <optional>

namespace motet {

/// Whether this is about a file on a disk. Such a file is always ready (epoll refuses
/// it), and yet keeps whoever reads it waiting; and so does finding it.
[[nodiscard]] bool on_disk(const request& what) noexcept;

/// Whether this is so whatever it is asked of: finding a file, and the like. What comes
/// of it is final, and nothing to wait for makes it worth another try.
[[nodiscard]] bool always_on_disk(const request& what) noexcept;

/// Whether this is done by attempts although io_uring has an operation for it: a write
/// that would raise SIGPIPE, or a read of a FIFO, whose end a thread of the kernel's
/// waits for, which keeps the FIFO open after it has told.
[[nodiscard]] bool better_attempted(const request& what) noexcept;

/// Reads what is there, or waits for the disk. @returns the result; nothing as long as
/// the request has to wait for readiness.
[[nodiscard]] std::optional<std::int32_t> attempt_read(const read_request& ask) noexcept;
[[nodiscard]] std::optional<std::int32_t> attempt_read(
    const read_pieces_request& ask) noexcept;

/// Moves what is there and has room, or waits for the disk. @returns the result, which
/// may be -EAGAIN.
[[nodiscard]] std::int32_t attempt_splice(const splice_request& ask) noexcept;

/// Writes what there is room for, or waits for the disk. @returns as `attempt_read`.
[[nodiscard]] std::optional<std::int32_t> attempt_write(
    const write_request& ask) noexcept;
[[nodiscard]] std::optional<std::int32_t> attempt_write(
    const write_pieces_request& ask) noexcept;

}  // namespace motet
