// SPDX-License-Identifier: MIT
#include "examples/http/date.hpp"

#include <array>
#include <cstddef>
#include <ctime>

namespace http {

std::string_view date_now() {
  // The program sets no locale, so these are English.
  thread_local std::array<char, 32> text{};
  thread_local std::size_t size = 0;
  thread_local std::time_t written = 0;
  const std::time_t now = std::time(nullptr);
  if (now != written) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    written = now;
  }
  return {text.data(), size};
}

}  // namespace http
