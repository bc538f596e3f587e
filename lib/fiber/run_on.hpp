// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What `run` is made of.

#include "backend/backend.hpp"
#include "backend/course.hpp"

#include <motet/detail/function_ref.hpp>
#include <motet/run.hpp>

#include <memory>

namespace motet::detail {

/// @throws structure_error inside of a fiber.
void refuse_inside_of_fibers();

/// What the run of this thread was told.
[[nodiscard]] const run_options& options_of_run() noexcept;

/// As `run`, on a backend that is there already; `options.backend` says nothing then.
/// @param how decides what is up to chance, in a simulation; null: nothing is.
void run_on(std::unique_ptr<backend> kernel, course* how, const run_options& options,
            function_ref<void()> body, bool has_result);

}  // namespace motet::detail
