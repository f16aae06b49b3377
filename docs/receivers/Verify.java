import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Verifies callbacks with the JDK (17 or newer). Take {@code verify} into your receiver; main reads test lines. */
public final class Verify {
    private static final long TOLERANCE_SECONDS = 300;

    /** What was received: the body's bytes before any parsing, and the headers a signature may need. */
    public record Callback(byte[] body, String signature, String id, String timestamp, long now) {}

    /** True when the signature is the body's under one of the secrets. */
    public static boolean verify(String scheme, List<String> secrets, Callback callback) throws Exception {
        for (String secret : secrets) {
            if (matches(scheme, secret, callback)) {
                return true;
            }
        }
        return false;
    }

    private static boolean matches(String scheme, String secret, Callback c) throws Exception {
        byte[] key = secret.getBytes(StandardCharsets.UTF_8);
        HexFormat hex = HexFormat.of();
        switch (scheme) {
            case "FIREFLY":
                return same(c.signature, base64(mac("HmacSHA256", key, c.body)));
            case "PYFLY", "FIREFLY_RUST":
                return same(c.signature, "sha256=" + hex.formatHex(mac("HmacSHA256", key, c.body)));
            case "SVC_INFRA":
                return same(c.signature, hex.formatHex(mac("HmacSHA256", key, c.body)));
            case "SERVO_SHA1":
                return same(c.signature, hex.formatHex(mac("HmacSHA1", key, c.body)));
            case "STRIPE": {
                List<String> items = Arrays.asList(c.signature.split(","));
                String signedAt = items.stream().filter(i -> i.startsWith("t=")).map(i -> i.substring(2)).findFirst().orElse("0");
                String expected = "v1=" + hex.formatHex(mac("HmacSHA256", key, (signedAt + ".").getBytes(), c.body));
                return fresh(signedAt, c.now) && items.stream().anyMatch(item -> same(item, expected));
            }
            case "STANDARD_WEBHOOKS": {
                byte[] decoded = Base64.getDecoder().decode(secret.startsWith("whsec_") ? secret.substring(6) : secret);
                byte[] prefix = (c.id + "." + c.timestamp + ".").getBytes(StandardCharsets.UTF_8);
                String expected = "v1," + base64(mac("HmacSHA256", decoded, prefix, c.body));
                return fresh(c.timestamp, c.now) && Arrays.stream(c.signature.split(" ")).anyMatch(one -> same(one, expected));
            }
            default:
                return false;
        }
    }

    private static byte[] mac(String algorithm, byte[] key, byte[]... pieces) throws Exception {
        Mac mac = Mac.getInstance(algorithm);
        mac.init(new SecretKeySpec(key, algorithm));
        for (byte[] piece : pieces) {
            mac.update(piece);
        }
        return mac.doFinal();
    }

    private static String base64(byte[] bytes) {
        return Base64.getEncoder().encodeToString(bytes);
    }

    /** Constant-time. */
    private static boolean same(String found, String expected) {
        return MessageDigest.isEqual(found.getBytes(StandardCharsets.UTF_8), expected.getBytes(StandardCharsets.UTF_8));
    }

    private static boolean fresh(String seconds, long now) {
        return Math.abs(now - Long.parseLong(seconds)) <= TOLERANCE_SECONDS;
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] f = line.split("\t", -1);
            Callback callback = new Callback(Base64.getDecoder().decode(f[6]), f[2], f[3], f[4], Long.parseLong(f[5]));
            System.out.println(verify(f[0], List.of(f[1]), callback) ? "ok" : "refused");
        }
    }
}
