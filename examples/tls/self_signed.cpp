// SPDX-License-Identifier: MIT
#include "examples/tls/self_signed.hpp"

#include "examples/tls/tls_stream.hpp"

#include <cstdio>
#include <memory>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace examples {

namespace {

template <class T, void (*free_it)(T*)>
struct freed {
  void operator()(T* t) const noexcept { free_it(t); }
};
template <class T, void (*free_it)(T*)>
using owned = std::unique_ptr<T, freed<T, free_it>>;

void check(bool good) {
  if (!good) throw tls_error("make a certificate");
}

}  // namespace

void write_self_signed(const std::string& file, const std::string& host) {
  const owned<EVP_PKEY, EVP_PKEY_free> key(EVP_EC_gen("P-256"));
  const owned<X509, X509_free> made(X509_new());
  check(key && made);
  X509* const c = made.get();
  X509_set_version(c, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(c), 1);
  X509_gmtime_adj(X509_getm_notBefore(c), -60);
  X509_gmtime_adj(X509_getm_notAfter(c), 24L * 60 * 60);
  X509_set_pubkey(c, key.get());
  X509_NAME* const name = X509_get_subject_name(c);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(host.c_str()), -1, -1,
                             0);
  X509_set_issuer_name(c, name);
  const owned<X509_EXTENSION, X509_EXTENSION_free> names(X509V3_EXT_conf_nid(
      nullptr, nullptr, NID_subject_alt_name, ("DNS:" + host).c_str()));
  check(names != nullptr && X509_add_ext(c, names.get(), -1) == 1);
  check(X509_sign(c, key.get(), EVP_sha256()) != 0);
  std::FILE* const out = std::fopen(file.c_str(), "wxe");
  check(out != nullptr);
  const bool written =
      PEM_write_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1 &&
      PEM_write_X509(out, c) == 1;
  check(std::fclose(out) == 0 && written);
}

}  // namespace examples
