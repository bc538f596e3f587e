// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Courses in files: a line for each decision, as "fiber 3 1": of three, the second.

#include "backend/course.hpp"

#include <string>
#include <vector>

namespace motet::testing {

/// Both throw std::system_error if the file cannot be used, and say which.
void write_course(const std::string& path, const std::vector<choice>& record);
/// @throws std::invalid_argument as well, for what is no course.
[[nodiscard]] std::vector<choice> read_course(const std::string& path);

/// Without the usual decisions at its end: a record is followed by those anyway.
[[nodiscard]] std::vector<choice> trimmed(std::vector<choice> record);

}  // namespace motet::testing
