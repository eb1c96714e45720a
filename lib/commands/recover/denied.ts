/** What the API says of a write that a webhook, a policy or Pod Security has denied: it would be denied again, however often it is tried. */
export const deniedByAdmission =
  /admission webhook "[^"]+" denied the request|ValidatingAdmissionPolicy '[^']+' with binding '[^']+' denied request|violates PodSecurity/
