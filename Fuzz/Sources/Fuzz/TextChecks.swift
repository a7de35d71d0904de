import ChatProtocol
import DirectLane
import SMPProtocol
import WireFormat

func checkText(_ bytes: [UInt8]) {
    for alphabet in [Base64.Alphabet.standard, .url] {
        expect(Base64.decode(Base64.encode(bytes, alphabet), alphabet) == bytes, "base64 reads otherwise")
        if let decoded = Base64.decode(bytes, alphabet) {
            let letters = Base64.encode(decoded, alphabet).utf8.filter { $0 != UInt8(ascii: "=") }
            expect(letters == bytes.filter { $0 != UInt8(ascii: "=") }, "base64 prints otherwise")
        }
    }
    expect(Hex.decode(Hex.encode(bytes)) == bytes, "hexadecimal reads otherwise")
    let text = String(decoding: bytes, as: UTF8.self)
    if let decoded = Hex.decode(text) {
        expect(Hex.encode(decoded) == text.lowercased(), "hexadecimal prints otherwise")
    }
    expect(same(PercentEncoding.decode(PercentEncoding.encode(text)), text), "percent-encoding reads otherwise")
    if let decoded = PercentEncoding.decode(text) {
        let again = PercentEncoding.decode(PercentEncoding.encode(decoded))
        expect(same(again, decoded), "percent-encoding reads otherwise")
    }
    expect(same(LinkText.unescape(LinkText.escape(text)), text), "a link's text reads otherwise")
    _ = LinkText.query(text)
    let error = SMPServerError(text: text)
    expect(SMPServerError(text: error.text) == error, "the error \(error) prints otherwise")
    if let address = IPAddress(text) {
        expect(IPAddress(address.description) == address, "an address prints otherwise")
    }
    if let type = ContentType(text) { expect(type.text == text, "a content type prints otherwise") }
    if let description = ContentDescription(text) {
        expect(description.encoded == text, "a content description prints otherwise")
    }
    if let endpoint = DirectOffer.Endpoint(text) {
        expect(endpoint.text == text, "an endpoint prints otherwise")
    }
}

/// Equal in bytes: `==` takes canonically equivalent texts for equal.
private func same(_ left: String?, _ right: String) -> Bool { left?.utf8.elementsEqual(right.utf8) ?? false }
