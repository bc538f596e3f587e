// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What is asked about files and takes as long as the disk takes, as plain system calls.

#include "backend/file_requests.hpp"

#include <cstdint>

namespace motet {

// Each is done when it returns, on the thread that calls it. @returns >= 0, or -errno.
[[nodiscard]] std::int32_t do_on_disk(const open_request& ask) noexcept;
[[nodiscard]] std::int32_t do_on_disk(const stat_request& ask) noexcept;
[[nodiscard]] std::int32_t do_on_disk(const sync_request& ask) noexcept;
[[nodiscard]] std::int32_t do_on_disk(const truncate_request& ask) noexcept;
[[nodiscard]] std::int32_t do_on_disk(const rename_request& ask) noexcept;
[[nodiscard]] std::int32_t do_on_disk(const remove_request& ask) noexcept;
[[nodiscard]] std::int32_t do_on_disk(const make_directory_request& ask) noexcept;
[[nodiscard]] std::int32_t do_on_disk(const list_request& ask) noexcept;

/// What the kernel is told beside `open_request::flags`.
[[nodiscard]] int flags_of(const open_request& ask) noexcept;

}  // namespace motet
