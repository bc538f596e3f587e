// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Chooses the backend, when the program starts to run.

#include "backend/backend.hpp"

#include <memory>

struct ev_loop;

namespace motet {

enum class engine { automatic, uring, libev, sim };

/// Makes the backend that was asked for. `automatic` means the one that the environment
/// variable MOTET_BACKEND names (auto, uring, libev or sim), or else the best there is.
/// Throws `std::system_error` that says what was refused, why, and what would help.
[[nodiscard]] std::unique_ptr<backend> make_backend(engine wanted);

/// Makes the backend that runs in a libev loop of somebody else's, whatever the
/// environment says. Throws `std::system_error` if another one is `wanted`.
[[nodiscard]] std::unique_ptr<backend> make_backend_in(struct ev_loop& lent,
                                                       engine wanted);

}  // namespace motet
