/** ASCII armour of OpenPGP signatures (RFC 9580, section 6), with the checksum that old readers want. */

/** CRC-24 of RFC 9580, section 6.1. */
function crc24(bytes: Uint8Array): Buffer {
  let crc = 0xb704ce
  for (const byte of bytes) {
    crc ^= byte << 16
    for (let bit = 0; bit < 8; bit++) {
      crc <<= 1
      if (crc & 0x1000000) crc ^= 0x1864cfb
    }
  }
  return Buffer.from([(crc >> 16) & 0xff, (crc >> 8) & 0xff, crc & 0xff])
}

/** @param packets one or more signature packets, one after another */
export function armorSignature(packets: Uint8Array): string {
  const lines =
    Buffer.from(packets)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  const checksum = `=${crc24(packets).toString('base64')}`
  return [
    '-----BEGIN PGP SIGNATURE-----',
    '',
    ...lines,
    checksum,
    '-----END PGP SIGNATURE-----',
    '',
  ].join('\n')
}
