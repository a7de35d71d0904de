import Primitives

@testable import TLSTransport

func checkCertificate(_ bytes: [UInt8]) {
    var source = ByteSource(bytes)
    var chain: [[UInt8]] = []
    while !source.isEmpty, chain.count < 6 { chain.append(source.take(Int(source.u16()))) }
    for der in chain + [bytes] {
        guard let certificate = Certificate(der: slice(der)) else { continue }
        checkCertificate(certificate)
    }
    // At some time in 2026.
    if (try? CertificateChain.validate(chain, fingerprint: nil, at: 1_780_000_000)) != nil {
        expect(CertificateChain.lengths.contains(chain.count), "a chain of \(chain.count) is taken")
        expect(
            (try? CertificateChain.validate(chain, fingerprint: Fixed.run(0), at: 1_780_000_000)) == nil,
            "a chain is taken for another's")
    }
    if let certificates = try? PEM.certificates(bytes, path: "") {
        for certificate in certificates { checkCertificate(certificate) }
        let text = must("PEM") { try PEM.text(certificates) }
        let again = must("PEM") { try PEM.certificates(text, path: "") }
        expect(again.map(\.der) == certificates.map(\.der), "PEM reads otherwise")
    }
    _ = try? PEM.privateKey(bytes, path: "")
}

private func checkCertificate(_ certificate: Certificate) {
    let der = certificate.der
    guard let again = Certificate(der: der) else {
        expect(false, "a certificate prints what is refused")
        return
    }
    expect(again.der == der, "a certificate prints otherwise")
    _ = certificate.publicKey
    _ = certificate.validity
    _ = certificate.isUsable
    _ = certificate.isAuthority
    _ = certificate.pathLength
    _ = AuthKey(leaf: certificate)
}
