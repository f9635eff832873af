#include "common/crypto/seal.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstring>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "common/status.h"

namespace linjuli {
namespace {

constexpr size_t kHeader = 1 + 8;
constexpr size_t kNonce = 12;
constexpr size_t kGcmTag = 16;
constexpr size_t kMac = 32;

const uint8_t* Bytes(absl::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}
uint8_t* Bytes(std::string& text) { return reinterpret_cast<uint8_t*>(text.data()); }

std::string BigEndian(uint64_t number) {
  std::string bytes(8, '\0');
  for (int i = 7; i >= 0; --i, number >>= 8) bytes[i] = static_cast<char>(number & 0xFF);
  return bytes;
}

// OpenSSL looks an algorithm up by name, which costs more than a short text; here it is done once.
struct Algorithms {
  EVP_CIPHER* aes_256_gcm = Cipher("AES-256-GCM");
  EVP_CIPHER* sm4_ctr = Cipher("SM4-CTR");
  EVP_MAC_CTX* hmac_sha256 = Hmac("SHA256");
  EVP_MAC_CTX* hmac_sm3 = Hmac("SM3");

  static EVP_CIPHER* Cipher(const char* name) {
    EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name, nullptr);
    LJ_CHECK(cipher != nullptr, absl::StrCat("this OpenSSL has no ", name));
    return cipher;
  }
  static EVP_MAC_CTX* Hmac(const char* digest) {
    EVP_MAC* hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    LJ_CHECK(hmac != nullptr, "this OpenSSL has no HMAC");
    EVP_MAC_CTX* context = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>(digest), 0),
        OSSL_PARAM_construct_end()};
    LJ_CHECK(EVP_MAC_CTX_set_params(context, params) == 1,
             absl::StrCat("this OpenSSL has no ", digest));
    return context;
  }
};

const Algorithms& Known() {
  static const Algorithms* const algorithms = new Algorithms;
  return *algorithms;
}

struct Free {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Free>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, Free>;

std::string Hmac(const EVP_MAC_CTX* algorithm, absl::string_view key,
                 std::initializer_list<absl::string_view> parts) {
  MacContext context(EVP_MAC_CTX_dup(algorithm));
  std::string mac(kMac, '\0');
  size_t size = 0;
  LJ_CHECK(context != nullptr && EVP_MAC_init(context.get(), Bytes(key), key.size(), nullptr) == 1);
  for (absl::string_view part : parts) {
    LJ_CHECK(EVP_MAC_update(context.get(), Bytes(part), part.size()) == 1);
  }
  LJ_CHECK(EVP_MAC_final(context.get(), Bytes(mac), &size, mac.size()) == 1 && size == kMac);
  return mac;
}

// Ciphertext with its tag behind it.
std::string EncryptGcm(absl::string_view key, absl::string_view nonce, absl::string_view header,
                       absl::string_view bound, absl::string_view text) {
  CipherContext context(EVP_CIPHER_CTX_new());
  std::string out(text.size() + kGcmTag, '\0');
  int size = 0;
  LJ_CHECK(EVP_EncryptInit_ex2(context.get(), Known().aes_256_gcm, Bytes(key), Bytes(nonce),
                               nullptr) == 1);
  for (absl::string_view part : {header, bound}) {
    LJ_CHECK(part.empty() || EVP_EncryptUpdate(context.get(), nullptr, &size, Bytes(part),
                                               static_cast<int>(part.size())) == 1);
  }
  LJ_CHECK(EVP_EncryptUpdate(context.get(), Bytes(out), &size, Bytes(text),
                             static_cast<int>(text.size())) == 1);
  LJ_CHECK(EVP_EncryptFinal_ex(context.get(), Bytes(out) + size, &size) == 1);
  LJ_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kGcmTag,
                               Bytes(out) + text.size()) == 1);
  return out;
}

std::optional<std::string> DecryptGcm(absl::string_view key, absl::string_view nonce,
                                      absl::string_view header, absl::string_view bound,
                                      absl::string_view sealed) {
  if (sealed.size() < kGcmTag) return std::nullopt;
  absl::string_view text = sealed.substr(0, sealed.size() - kGcmTag);
  std::string tag(sealed.substr(text.size()));
  CipherContext context(EVP_CIPHER_CTX_new());
  std::string out(text.size(), '\0');
  int size = 0;
  LJ_CHECK(EVP_DecryptInit_ex2(context.get(), Known().aes_256_gcm, Bytes(key), Bytes(nonce),
                               nullptr) == 1);
  for (absl::string_view part : {header, bound}) {
    LJ_CHECK(part.empty() || EVP_DecryptUpdate(context.get(), nullptr, &size, Bytes(part),
                                               static_cast<int>(part.size())) == 1);
  }
  LJ_CHECK(EVP_DecryptUpdate(context.get(), Bytes(out), &size, Bytes(text),
                             static_cast<int>(text.size())) == 1);
  LJ_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kGcmTag, tag.data()) == 1);
  if (EVP_DecryptFinal_ex(context.get(), Bytes(out) + size, &size) != 1) return std::nullopt;
  return out;
}

// Encrypts and decrypts: the cipher makes a stream.
std::string Sm4Ctr(absl::string_view key, absl::string_view start, absl::string_view text) {
  CipherContext context(EVP_CIPHER_CTX_new());
  std::string out(text.size(), '\0');
  int size = 0;
  LJ_CHECK(EVP_EncryptInit_ex2(context.get(), Known().sm4_ctr, Bytes(key), Bytes(start), nullptr) ==
           1);
  LJ_CHECK(EVP_EncryptUpdate(context.get(), Bytes(out), &size, Bytes(text),
                             static_cast<int>(text.size())) == 1);
  return out;
}

// SM4's key and HMAC-SM3's, of one key of ours.
struct GmKeys {
  explicit GmKeys(const Key& key)
      : cipher(Hmac(Known().hmac_sm3, key.bytes(), {"linjuli sm4-ctr"})),
        mac(Hmac(Known().hmac_sm3, key.bytes(), {"linjuli hmac-sm3"})) {}
  ~GmKeys() {
    Wipe(cipher);
    Wipe(mac);
  }
  std::string cipher, mac;  // SM4 takes the first 16 bytes
};

std::string GmMac(const GmKeys& keys, absl::string_view header, absl::string_view bound,
                  absl::string_view nonce, absl::string_view text) {
  return Hmac(Known().hmac_sm3, keys.mac, {header, BigEndian(bound.size()), bound, nonce, text});
}

std::string Start(absl::string_view nonce) { return absl::StrCat(nonce, std::string(4, '\0')); }

absl::Status DoesNotOpen() {
  return Refuse(absl::StatusCode::kDataLoss, "SEAL",
                "a sealed value does not open: it was changed, moved, or is of another key");
}

std::string Hex(const char* digits) { return absl::HexStringToBytes(digits); }

// The published answers: GCM's test case 16, RFC 4231 case 2, GB/T 32907's key in counter mode as
// in draft-ribose-cfrg-sm4, GM/T 0042.
absl::Status FindWrongAlgorithm() {
  auto wrong = [](const char* name) {
    return absl::FailedPreconditionError(
        absl::StrCat("OpenSSL's ", name, " gives wrong answers here; this must not run"));
  };
  const std::string gcm_key =
      Hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
  const std::string text =
      Hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
          "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
  const std::string sealed =
      Hex("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
          "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
          "76fc6ece0f4e1768cddf8853bb2d551b");
  const std::string nonce = Hex("cafebabefacedbaddecaf888");
  const std::string header = Hex("feedfacedeadbeef"), bound = Hex("feedfacedeadbeefabaddad2");
  if (EncryptGcm(gcm_key, nonce, header, bound, text) != sealed) return wrong("AES-256-GCM");
  if (DecryptGcm(gcm_key, nonce, header, bound, sealed) != text) return wrong("AES-256-GCM");
  std::string changed = sealed;
  changed[5] ^= 1;
  if (DecryptGcm(gcm_key, nonce, header, bound, changed).has_value()) return wrong("AES-256-GCM");
  if (Hmac(Known().hmac_sha256, "Jefe", {"what do ya want ", "for nothing?"}) !=
      Hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")) {
    return wrong("HMAC-SHA-256");
  }
  if (Sm4Ctr(Hex("0123456789abcdeffedcba9876543210"), Hex("000102030405060708090a0b0c0d0e0f"),
             Hex("aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd")) !=
      Hex("ac3236cb970cc20791364c395a1342d1a3cbc1878c6f30cd074cce385cdd70c7")) {
    return wrong("SM4-CTR");
  }
  const char* alphabet =
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  if (Hmac(Known().hmac_sm3,
           Hex("0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"),
           {alphabet}) != Hex("ca05e144ed05d1857840d1f318a4a8669e559fc8391f414485bfdf7bb408963a")) {
    return wrong("HMAC-SM3");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Profile> ParseProfile(absl::string_view name) {
  if (name == "intl") return Profile::kIntl;
  if (name == "gm") return Profile::kGm;
  return absl::InvalidArgumentError(
      absl::StrCat("no crypto profile \"", name, "\"; there are intl and gm"));
}

Key Key::Random() {
  std::string bytes = RandomBytes(kBytes);
  Key key(bytes);
  Wipe(bytes);
  return key;
}

Key::Key(absl::string_view bytes) {
  LJ_CHECK(bytes.size() == kBytes);
  std::memcpy(bytes_.data(), bytes.data(), kBytes);
}

Key::~Key() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

void Wipe(std::string& secret) {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

std::string Seal(Profile profile, const Key& key, int64_t key_id, absl::string_view bound,
                 absl::string_view text) {
  const std::string header =
      absl::StrCat(std::string(1, static_cast<char>(profile)), BigEndian(key_id));
  const std::string nonce = RandomBytes(kNonce);
  if (profile == Profile::kIntl) {
    return absl::StrCat(header, nonce, EncryptGcm(key.bytes(), nonce, header, bound, text));
  }
  GmKeys keys(key);
  std::string ciphertext = Sm4Ctr(keys.cipher, Start(nonce), text);
  return absl::StrCat(header, nonce, ciphertext, GmMac(keys, header, bound, nonce, ciphertext));
}

std::optional<int64_t> SealedWith(absl::string_view sealed) {
  if (sealed.size() < kHeader + kNonce) return std::nullopt;
  if (sealed[0] != static_cast<char>(Profile::kIntl) &&
      sealed[0] != static_cast<char>(Profile::kGm)) {
    return std::nullopt;
  }
  uint64_t id = 0;
  for (char byte : sealed.substr(1, 8)) id = id << 8 | static_cast<uint8_t>(byte);
  return static_cast<int64_t>(id);
}

absl::StatusOr<std::string> Unseal(const Key& key, absl::string_view bound,
                                   absl::string_view sealed) {
  if (!SealedWith(sealed).has_value()) return DoesNotOpen();
  absl::string_view header = sealed.substr(0, kHeader), nonce = sealed.substr(kHeader, kNonce);
  absl::string_view rest = sealed.substr(kHeader + kNonce);
  if (sealed[0] == static_cast<char>(Profile::kIntl)) {
    std::optional<std::string> text = DecryptGcm(key.bytes(), nonce, header, bound, rest);
    if (!text.has_value()) return DoesNotOpen();
    return *std::move(text);
  }
  if (rest.size() < kMac) return DoesNotOpen();
  absl::string_view ciphertext = rest.substr(0, rest.size() - kMac);
  GmKeys keys(key);
  std::string mac = GmMac(keys, header, bound, nonce, ciphertext);
  if (CRYPTO_memcmp(mac.data(), rest.data() + ciphertext.size(), kMac) != 0) return DoesNotOpen();
  return Sm4Ctr(keys.cipher, Start(nonce), ciphertext);
}

std::string KeyedHash(Profile profile, const Key& key, absl::string_view text) {
  return Hmac(profile == Profile::kGm ? Known().hmac_sm3 : Known().hmac_sha256, key.bytes(),
              {text});
}

Key Derive(const Key& key, absl::string_view purpose) {
  std::string bytes = Hmac(Known().hmac_sha256, key.bytes(), {"linjuli ", purpose});
  Key derived(bytes);
  Wipe(bytes);
  return derived;
}

absl::Status CryptoSelfTest() {
  static const absl::Status* const result = new absl::Status(FindWrongAlgorithm());
  return *result;
}

}  // namespace linjuli
